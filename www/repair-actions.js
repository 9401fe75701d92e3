// A repaired copy: first what would become of the file, then the copy, when that was seen and is wanted.

import { bytesText } from "./format.js";
import { askWhere, download } from "./saving.js";
import { toMessage } from "./source.js";
import { openedOf } from "./state.js";

export function repairActions(store, client, announce) {
  let runs = 0;

  const update = (patch) => store.update({ repair: patch && { ...store.state.repair, ...patch } });

  /** Runs an operation that reads the file, as long as this file is open and nothing newer was asked for. */
  async function run(kind, op, args) {
    const { source } = store.state;
    const from = fileOf(store.state);
    runs += 1;
    const job = `repair ${runs}`;
    update({ busy: { job, kind, bytes: 0, total: source.size }, failure: null });
    const answer = await client.call(op, { job, source: toMessage(from), ...args }).catch((error) => ({ error }));
    if (store.state.source !== source || store.state.repair?.busy?.job !== job) return null;
    update({ busy: null });
    if (!answer.error) return answer;
    if (answer.error.code === "stopped") update(null);
    else if (answer.error.code !== "ended") {
      update({ failure: answer.error.message });
      announce.alert(answer.error.message);
    }
    return null;
  }

  return {
    /** Chooses whether the key whose record starts there is kept with what of it is readable. What was planned otherwise is no more. */
    keepReadable(start, isKept) {
      if (store.state.repair?.busy) return;
      const others = store.state.keeps.filter((one) => one !== start);
      store.update({ keeps: isKept ? [...others, start] : others });
      update(null);
    },
    /** Finds out what a repaired copy would keep and drop. */
    async planRepair() {
      update({ busy: null, plan: null, saved: null, failure: null });
      const plan = await run("plan", "repairPlan", { keepReadable: store.state.keeps });
      if (!plan) return;
      update({ plan });
      announce.say(`A repaired copy keeps ${bytesText(plan.kept_bytes)} and leaves ${bytesText(plan.dropped_bytes)} out`);
    },
    async saveRepaired() {
      const { packing } = store.state;
      const name = repairedName(fileOf(store.state).name, packing);
      let where;
      try {
        where = await askWhere(name, openedOf(store.state));
      } catch (error) {
        update({ failure: error.message });
        return;
      }
      if (!where) return;
      const { handle } = where;
      const written = await run("save", "repair", { keepReadable: store.state.keeps, handle });
      if (!written) return;
      if (written.blob) download(written.blob, name);
      const saved = { name: handle?.name ?? name, bytes: written.bytes };
      update({ saved });
      announce.say(`Saved ${saved.name}, ${bytesText(saved.bytes)}`);
    },
    stopRepair: () => client.call("stopConverting", {}).catch(() => {}),
    leaveRepair: () => update(null),
    repairing({ job, bytes }) {
      const { repair } = store.state;
      if (repair?.busy?.job === job) update({ busy: { ...repair.busy, bytes } });
    },
  };
}

/** What is repaired: a folder may hold a log of a single file. */
function fileOf({ source, log }) {
  return log ? log.files[0].source : source;
}

/** `dump.rdb` becomes `dump-repaired.rdb`; what was unpacked is saved as it is. */
export function repairedName(name, packing) {
  const plain = packing ? name.replace(/\.(gz|gzip|zst|zstd|lz4)$/i, "") : name;
  const dot = plain.lastIndexOf(".");
  return dot > 0 ? `${plain.slice(0, dot)}-repaired${plain.slice(dot)}` : `${plain}-repaired`;
}
