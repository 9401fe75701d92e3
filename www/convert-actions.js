// What the Convert panel asks for: a survey when it is first seen, and the new file.

import { bytesText, plural } from "./format.js";
import { toPackage } from "./query.js";
import { toMessage } from "./source.js";
import { askWhere, download } from "./saving.js";
import { findings, isFiltered, isWritable, keysOf, openedOf } from "./state.js";
import { ofLog, outcomeOf, outputName, passedOver, TARGETS, targetOf } from "./targets.js";

export function convertActions(store, client, announce, showPicked) {
  let job = 0;

  const update = (patch) => store.update({ convert: { ...store.state.convert, ...patch } });

  /** What a survey answers, or null where the file or the wish is another by then. */
  async function survey(options) {
    const { state } = store;
    const of = keysOf(state);
    job += 1;
    const mine = job;
    update({ busy: { job: mine, kind: "survey", bytes: 0, total: of.size } });
    const told = { container: surveyed(state.convert.container), lenient: isLenient(state), ...options };
    const answer = await client.call("survey", { job: mine, source: toMessage(of), options: told }).catch((error) => ({ error }));
    if (keysOf(store.state) !== of || mine !== job) return null;
    update({ busy: null });
    // Something else was asked for, or the worker was ended.
    return ["ended", "stopped"].includes(answer.error?.code) ? null : answer;
  }

  /** Surveys the file for the containers that are chosen, once it was read. */
  async function need() {
    const { state } = store;
    const { convert } = state;
    const container = surveyed(convert.container);
    // A repaired copy in the making is not ended by a look at Convert.
    if (state.view !== "convert" || !canConvert(state) || convert.busy || state.repair?.busy || convert.surveys[container]) return;
    const answer = await survey({});
    if (!answer) return;
    const told = state.log && !answer.error ? ofLog(answer, state.log) : answer;
    const surveys = { ...store.state.convert.surveys, [container]: told };
    update({ surveys, target: store.state.convert.target ?? (told.error ? null : suggested(told)) });
  }

  return {
    surveyNeeded: need,
    convertTo(server) {
      update({ target: targetOf(server).name });
      if (store.state.view !== "convert") store.update({ view: "convert" });
    },
    /** Looks for the keys of a loss, and shows them. */
    async showLoss({ code }, words) {
      const { convert, repair } = store.state;
      if (convert.busy || repair?.busy) return;
      const answer = await survey({ rowsOf: { to: convert.target, code } });
      if (!answer) return;
      if (answer.error) update({ failure: answer.error });
      else showPicked(words, answer.rows);
    },
    convertChoice(patch) {
      update({ ...patch, saved: null, failure: null });
    },
    stopConverting() {
      client.call("stopConverting", {}).catch(() => {});
    },
    converting({ job: from, bytes }) {
      const { busy } = store.state.convert;
      if (busy?.job === from) update({ busy: { ...busy, bytes } });
    },

    async saveConverted() {
      const { state } = store;
      const { convert } = state;
      const source = keysOf(state);
      const target = TARGETS.find(({ name }) => name === convert.target);
      if (convert.busy || state.repair?.busy || !target) return;
      const { container } = convert;
      const name = outputName(source.name, target, container);
      let handle;
      try {
        const where = await askWhere(name, openedOf(state));
        if (!where) return;
        ({ handle } = where);
      } catch (error) {
        update({ failure: { message: error.message } });
        return;
      }
      job += 1;
      const mine = job;
      update({ busy: { job: mine, kind: "save", bytes: 0, total: source.size }, saved: null, failure: null });
      announce.say(`Writing ${handle?.name ?? name}`);
      const options = { container, onLoss: convert.onLoss, lenient: isLenient(state) };
      if (container !== "jsonl") options.to = target.name;
      if (convert.onlyShown && isFiltered(state.query) && isWritable(state.query)) options.filter = toPackage(state);
      try {
        const { bytes, blob, losses: found } = await client.call("convert", { job: mine, source: toMessage(source), options, handle });
        if (keysOf(store.state) !== source) return;
        if (blob) download(blob, name);
        // What is converted is a snapshot that the log's commands made.
        const losses = found + (state.log && container !== "jsonl" ? passedOver(state.log).length : 0);
        const saved = { name: handle?.name ?? name, bytes, losses };
        update({ busy: null, saved });
        announce.say(`Saved ${saved.name}, ${bytesText(bytes)}${losses ? `, with ${plural(losses, "loss", "losses")}` : ""}`);
      } catch (error) {
        if (keysOf(store.state) !== source) return;
        if (error.code === "stopped") announce.alert("Writing stopped. No file was saved.");
        else announce.alert(error.message);
        update({ busy: null, failure: error.code === "stopped" ? null : { code: error.code, message: error.message } });
      }
    },
  };
}

/** Which survey tells of a container: commands lose more than snapshots. */
export function surveyed(container) {
  return container === "aof" || container === "resp" ? "aof" : "rdb";
}

/** Whether the file was read, so that it can be read again. */
export function canConvert({ phase, log }) {
  return (phase === "read" || phase === "damaged") && (!log || log.keys === "ready");
}

/** Whether it has to be read past what is wrong. */
export function isLenient(state) {
  return findings(state).length > 0;
}

/** The nearest target that the file is not for already: what somebody who opens this wants most likely. */
function suggested(survey) {
  const first = (kind) => TARGETS.find((target) => outcomeOf(target, survey, "rdb").kind === kind);
  return (first("loss") ?? first("none") ?? first("need") ?? TARGETS[0]).name;
}
