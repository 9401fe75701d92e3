// The value of the selected key: which page of it is shown, in which order, and its single elements.
// Everything is read again from the file when it is looked at.

import { canGather, PAGE, PREVIEW_BYTES, SHOWN_FIRST, SHOWN_MOST } from "./limits.js";
import { emptyDetail } from "./state.js";

/** What of a value is shown as one, `{ bytes, length }`: a string, or the JSON of a module value. */
export function wholeOf({ row, page, moduleTab }) {
  if (row.type === "string") return page;
  return moduleTab === "value" ? page?.readable ?? null : null;
}

export function valueActions(store, client) {
  let turn = 0;

  function select(row, options = {}) {
    const { detail } = store.state;
    const order = row.type === "stream" ? "down" : row.type === "zset" && canGather(row) ? "up" : null;
    store.update({ detail: { ...emptyDetail(), open: true, wide: detail.wide, row, order, ...options } });
    return load();
  }

  async function load() {
    turn += 1;
    const mine = turn;
    store.detail({ loading: true, error: null, item: null, itemValue: null });
    const { detail } = store.state;
    try {
      const page = await request(detail);
      if (mine !== turn) return;
      store.detail({ loading: false, page });
      if (detail.row.type === "stream" && !detail.hours) await countHours(mine, detail.row);
    } catch (error) {
      if (mine === turn && error.code !== "superseded" && error.code !== "ended") store.detail({ loading: false, page: null, error });
    }
  }

  function request({ row, from, order, find, min, max, shown }) {
    if (row.type === "string") return client.call("value", { id: row.id, options: { from: 0, maxBytes: shown } });
    if (find || row.type === "zset" && order) {
      const options = { find, order, from, count: PAGE, min: min ?? -Infinity, max: max ?? Infinity };
      return client.call("elements", { id: row.id, options });
    }
    return fromFile(row, from, order);
  }

  /** A page in the file's order, or the same counted from the end and turned round. */
  async function fromFile(row, from, order) {
    const options = { from, count: PAGE, maxBytes: PREVIEW_BYTES };
    if (order === "down") {
      const end = row.elements - from;
      options.from = Math.max(0, end - PAGE);
      options.count = end - options.from;
    }
    const page = await client.call("value", { id: row.id, options });
    if (page.readable !== undefined) {
      const bytes = new TextEncoder().encode(page.readable);
      page.readable = { bytes, length: bytes.length };
    }
    const places = page.items.map((_, at) => options.from + at);
    if (order === "down") {
      page.items.reverse();
      places.reverse();
    }
    return { ...page, from, places, matching: page.total };
  }

  async function countHours(mine, row) {
    const hours = await client.call("hours", { id: row.id });
    if (mine === turn) store.detail({ hours });
  }

  async function openItem(index) {
    const { detail } = store.state;
    if (!isBytes(mainPart(detail.page.items[index]))) return;
    if (detail.item === index) {
      store.detail({ item: null, itemValue: null });
      return;
    }
    store.detail({ item: index, itemValue: null });
    await loadItem(index, SHOWN_FIRST);
  }

  async function loadItem(index, maxBytes) {
    const { row, page } = store.state.detail;
    const mine = turn;
    const part = mainPart(page.items[index]);
    if (part.fields) return;
    if (!part.cut) {
      store.detail({ itemValue: { bytes: part, length: part.length } });
      return;
    }
    try {
      const one = await client.call("value", { id: row.id, options: { from: page.places[index], count: 1, maxBytes } });
      if (mine !== turn || store.state.detail.item !== index) return;
      const whole = mainPart(one.items[0]);
      store.detail({ itemValue: { bytes: whole.bytes ?? whole, length: part.cut } });
    } catch (error) {
      if (mine === turn && error.code !== "superseded") store.detail({ error });
    }
  }

  return {
    select,
    openItem,
    closeItem: () => store.detail({ item: null, itemValue: null }),

    closeDetail() {
      turn += 1;
      store.update({ detail: emptyDetail() });
    },
    widen: (wide) => store.detail({ wide, open: true }),

    turnPage(by) {
      const { page, from } = store.state.detail;
      if (!page?.items) return;
      const next = from + by * PAGE;
      if (next < 0 || next >= page.matching) return;
      store.detail({ from: next });
      load();
    },
    jumpTo(index) {
      store.detail({ from: Math.max(0, Math.floor(index)) });
      load();
    },
    find(text) {
      store.detail({ find: text, from: 0 });
      load();
    },
    order(order) {
      store.detail({ order, from: 0 });
      load();
    },
    scoreRange(min, max) {
      store.detail({ min, max, from: 0 });
      load();
    },
    streamTab: (streamTab) => store.detail({ streamTab }),
    moduleTab: (moduleTab) => store.detail({ moduleTab }),

    /** Shows all of a string value or of the open element, up to 16 MiB. */
    showAll() {
      const { row, item } = store.state.detail;
      if (row.type !== "string") return loadItem(item, SHOWN_MOST);
      store.detail({ shown: SHOWN_MOST });
      return load();
    },

    /** All bytes of the value that is looked at, however long; for copying and saving. */
    async wholeBytes() {
      const { row, item, itemValue, page } = store.state.detail;
      const shown = wholeOf(store.state.detail) ?? itemValue;
      if (shown.bytes.length === shown.length) return shown.bytes;
      const options = { from: row.type === "string" ? 0 : page.places[item], count: 1, maxBytes: shown.length };
      const whole = await client.call("value", { id: row.id, options });
      if (row.type === "string") return whole.bytes;
      const part = mainPart(whole.items[0]);
      return part.bytes ?? part;
    },
    jsonLine: () => client.call("jsonLine", { id: store.state.detail.row.id }),
  };
}

/** The bytes of an element its viewer shows: the value of a field, else the element itself. */
function mainPart(item) {
  return isBytes(item.value) ? item.value : item.member ?? item;
}

/** Bytes, whole or cut; entries of a stream have `fields` instead, which are shown as they are. */
function isBytes(part) {
  return part instanceof Uint8Array || part?.bytes instanceof Uint8Array || Boolean(part?.fields);
}
