// The value of the selected key: which page of it is shown, in which order, and its single elements.
// Everything is read again from the file when it is looked at.

import { canGather, PAGE, PREVIEW_BYTES, SHOWN_FIRST, SHOWN_MOST } from "./limits.js";
import { emptyDetail } from "./state.js";

/** What of a value is shown as one, `{ bytes, length }`: a string, or of a module value its JSON or its bytes. */
export function wholeOf(detail) {
  const { row, page, raw } = detail;
  if (row.type === "string") return page;
  if (row.type !== "module" || !page) return null;
  return { value: page.readable, hex: raw }[moduleTabOf(detail)] ?? null;
}

/** What of a module value is looked at: `value`, `parts` or `hex`. A value that has no readable form is bytes. */
export function moduleTabOf({ page, moduleTab }) {
  return moduleTab ?? (page?.readable ? "value" : "hex");
}

const mayExpire = ({ encoding }) => encoding === "hash-2" || /^hash-(?:metadata|listpack-ex)/.test(encoding);

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
    store.detail({ loading: true, error: null, item: null, itemValue: null, field: null });
    const { detail } = store.state;
    try {
      const page = await request(detail);
      if (mine !== turn) return;
      store.detail({ loading: false, page, about: page.lastId === undefined ? store.state.detail.about : page });
      await loadBeside(mine, detail);
    } catch (error) {
      if (mine === turn && error.code !== "superseded" && error.code !== "ended") store.detail({ loading: false, page: null, error });
    }
  }

  /** What is counted or read after the page is there. */
  async function loadBeside(mine, { row, hours, expiring, raw }) {
    let patch = null;
    if (row.type === "stream" && !hours && row.elements > 1) patch = { hours: await client.call("hours", { id: row.id }) };
    else if (row.type === "hash" && expiring === null && mayExpire(row) && canGather(row)) patch = { expiring: await client.call("expiring", { id: row.id }) };
    else if (row.type === "module" && !raw && moduleTabOf(store.state.detail) === "hex") await loadRaw(SHOWN_FIRST);
    if (patch && mine === turn) store.detail(patch);
  }

  async function loadRaw(maxBytes) {
    const { row } = store.state.detail;
    const raw = await client.call("raw", { id: row.id, maxBytes });
    if (store.state.detail.row === row) store.detail({ raw });
  }

  function request({ row, from, order, find, min, max, shown, streamTab }) {
    if (row.type === "string") return client.call("value", { id: row.id, options: { from: 0, maxBytes: shown } });
    if (find || row.type === "zset" && order) {
      const options = { find, order, from, count: PAGE, min: min ?? -Infinity, max: max ?? Infinity };
      return client.call("elements", { id: row.id, options });
    }
    if (streamTab === "pending") return pendingPage(row, from);
    return fromFile(row, from, order);
  }

  async function pendingPage(row, from) {
    const page = await client.call("value", { id: row.id, options: { from, count: PAGE, pending: true } });
    return { ...page, isPending: true, matching: page.total };
  }

  /** A page in the file's order, or the same counted from the end and turned round. */
  async function fromFile(row, from, order) {
    const options = { from, count: PAGE, maxBytes: PREVIEW_BYTES };
    if (order === "down") {
      const end = row.elements - from;
      options.from = Math.max(0, end - PAGE);
      options.count = end - options.from;
    }
    // How many are empty in front of a page of an array is told by the element before it.
    const hasOneBefore = row.type === "array" && from > 0;
    if (hasOneBefore) {
      options.from -= 1;
      options.count += 1;
    }
    const page = await client.call("value", { id: row.id, options });
    if (hasOneBefore) {
      page.indexBefore = page.items.shift()?.index;
      options.from += 1;
    }
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

  async function openItem(index) {
    const { detail } = store.state;
    if (!isBytes(mainPart(detail.page.items[index]))) return;
    if (detail.item === index) {
      store.detail({ item: null, itemValue: null, field: null });
      return;
    }
    store.detail({ item: index, itemValue: null, field: null });
    await loadItem(index, SHOWN_FIRST);
  }

  async function loadItem(index, maxBytes) {
    const { row, page } = store.state.detail;
    const mine = turn;
    const part = mainPart(page.items[index]);
    const at = store.state.detail.field;
    const chosen = part.fields ? part.fields[at]?.[1] : part;
    if (!chosen) return;
    if (!chosen.cut) {
      store.detail({ itemValue: { bytes: chosen, length: chosen.length } });
      return;
    }
    try {
      const one = await client.call("value", { id: row.id, options: { from: page.places[index], count: 1, maxBytes } });
      const now = store.state.detail;
      if (mine !== turn || now.item !== index || now.field !== at) return;
      const main = mainPart(one.items[0]);
      const whole = main.fields ? main.fields[at][1] : main;
      store.detail({ itemValue: { bytes: whole.bytes ?? whole, length: chosen.cut } });
    } catch (error) {
      if (mine === turn && error.code !== "superseded") store.detail({ error });
    }
  }

  return {
    select,
    openItem,
    /** Opens the value of one field of the entry that is open; again closes it. */
    openField(field) {
      store.detail({ field: store.state.detail.field === field ? null : field, itemValue: null });
      if (store.state.detail.field !== null) loadItem(store.state.detail.item, SHOWN_FIRST);
    },
    /** Up one level: the field of an entry, then the element. */
    closeItem: () => store.detail(store.state.detail.field === null ? { item: null, itemValue: null } : { field: null, itemValue: null }),

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
      store.detail({ from: Math.max(0, Math.floor(index)), streamTab: "entries" });
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
    /** `entries`, `pending` or `consumers`. */
    streamTab(streamTab) {
      const before = store.state.detail.streamTab;
      if (streamTab === before) return;
      const isPage = (tab) => (tab === "pending" ? "pending" : "entries");
      store.detail({ streamTab, item: null, itemValue: null, field: null });
      if (isPage(streamTab) === isPage(before)) return;
      store.detail({ from: 0 });
      load();
    },
    moduleTab(moduleTab) {
      store.detail({ moduleTab });
      if (moduleTab === "hex" && !store.state.detail.raw) loadRaw(SHOWN_FIRST).catch((error) => store.detail({ error }));
    },

    /** Shows all of a string value or of the open element, up to 16 MiB. */
    showAll() {
      const { row, item } = store.state.detail;
      if (row.type === "module" && moduleTabOf(store.state.detail) === "hex") return loadRaw(SHOWN_MOST);
      if (row.type !== "string") return loadItem(item, SHOWN_MOST);
      store.detail({ shown: SHOWN_MOST });
      return load();
    },

    /** All bytes of the value that is looked at, however long; for copying and saving. */
    async wholeBytes() {
      const { row, item, itemValue, page, raw, field } = store.state.detail;
      const shown = wholeOf(store.state.detail) ?? itemValue;
      if (shown.bytes.length === shown.length) return shown.bytes;
      if (shown === raw) return (await client.call("raw", { id: row.id, maxBytes: shown.length })).bytes;
      const options = { from: row.type === "string" ? 0 : page.places[item], count: 1, maxBytes: shown.length };
      const whole = await client.call("value", { id: row.id, options });
      if (row.type === "string") return whole.bytes;
      const main = mainPart(whole.items[0]);
      const part = main.fields ? main.fields[field][1] : main;
      return part.bytes ?? part;
    },
    jsonLine: () => client.call("jsonLine", { id: store.state.detail.row.id }),
    redisCli: (form) => client.call("redisCli", { id: store.state.detail.row.id, form }),
    payload: () => client.call("payload", { id: store.state.detail.row.id }),
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
