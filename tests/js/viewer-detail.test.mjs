// The value of a key in the viewer, type by type: what servers say is in their dumps, and values made to mislead.

import assert from "node:assert/strict";
import { test } from "node:test";
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { findServer, withServer } from "./support/server.mjs";
import { violations } from "./support/site.mjs";
import { bytes, dump, facts, formatsOffered, gridCells, gridTitles, openKey, settled, shownLines, skip, snapshot, strings, untilFormat, withDump, withFile } from "./support/viewer.mjs";

const tab = (page, name) => page.click(`.detail-body [role=radio]:visible:text-is("${name}")`);
const text = (value) => (typeof value === "string" ? value : bytes(value).toString("latin1"));
const focused = (page) => page.evaluate(() => document.activeElement.id || document.activeElement.className);

/** Copies by an item of the menu, once the button says so. */
async function copied(page, item) {
  await page.click(".detail-tools button:has-text('Copy')");
  await page.click(`.menu-item:has-text('${item}')`);
  await page.waitForFunction(() => document.querySelector(".detail-tools").textContent.includes("Copied"));
  const held = await page.evaluate(() => navigator.clipboard.readText());
  await page.waitForFunction(() => !document.querySelector(".detail-tools").textContent.includes("Copied"));
  return held;
}

test("a value is shown in the format that suits it, others follow by x, and the choice holds for the prefix", { skip }, async () => {
  const file = strings([
    ["a:json", '{"n":12345678901234567890,"__proto__":"x"}'], ["a:text", "plain"], ["a:again", "[1]"],
    ["b:pack", Buffer.from("82a7636f6d70616374c3a6736368656d6100", "hex")], ["b:zip", gzipSync('{"in":1}')],
    ["b:java", Buffer.from("aced0005740001610000", "hex")], ["b:zlib-like", "x^ is text"],
  ]);
  await withFile(file, async (page) => {
    const shows = async (key, format) => {
      await openKey(page, key);
      await untilFormat(page, format);
    };
    await shows("a:json", "JSON");
    assert.deepEqual(await shownLines(page), ["{", '  "n": 12345678901234567890,', '  "__proto__": "x"', "}"]);
    await shows("a:text", "Text");
    await shows("b:pack", "MessagePack");
    assert.deepEqual(await shownLines(page), ["{", '  "compact": true,', '  "schema": 0', "}"]);
    assert.ok((await formatsOffered(page)).some((one) => one.name === "Hex"), "hex is always there");
    await shows("b:zip", "gzip");
    assert.deepEqual(await shownLines(page), ["{", '  "in": 1', "}"]);
    assert.match(await page.textContent(".detail-body > .viewer .viewer-note"), /of gzip, unpacked to 8 B\. Shown as JSON\.$/);
    await shows("b:java", "Hex");
    assert.match(await page.textContent(".detail-body > .viewer .viewer-note"), /Begins like a serialized Java object/);
    await shows("b:zlib-like", "Text");
    await shows("a:json", "JSON");
    await page.keyboard.press("x");
    await untilFormat(page, "Text");
    await page.keyboard.press("x");
    await untilFormat(page, "Hex");
    await shows("a:again", "Hex");
    assert.deepEqual(await violations(page), []);
    const kept = await page.evaluate(() => JSON.stringify(localStorage) + location.href);
    assert.doesNotMatch(kept, /again|hex/, "prefixes are not kept");
  });
});

test("a HyperLogLog of a server shows its estimate and its registers", { skip }, async () => {
  await withDump("redis-7.0/strings.rdb", async (page) => {
    for (const key of ["hll-sparse", "hll-dense"]) {
      await openKey(page, key);
      await untilFormat(page, "HyperLogLog");
      const lines = await shownLines(page);
      assert.match(lines[0], /^estimate +[\d,]+$/);
      assert.ok(lines.some((line) => line.includes(key.slice(4))), "sparse or dense");
    }
  });
});

test("values of markup, bidi marks and bytes that are no UTF-8 are text in every format", { skip }, async () => {
  const markup = '<img src=x onerror=alert(1)><script>alert(2)</script>';
  const file = strings([
    ["markup", markup], ["json", JSON.stringify({ [markup]: markup, "\u202e": "\u202egnp.exe" })], ["bytes", Buffer.from("ff00e2809a\u202e".slice(0, 8), "hex")],
    ["line", Buffer.concat([Buffer.from("a\u202eb\u0007"), Buffer.from([0xff])])],
  ]);
  await withFile(file, async (page) => {
    for (const key of ["markup", "json", "bytes", "line"]) {
      await openKey(page, key);
      for (let n = 0; n < 6; n += 1) {
        await page.keyboard.press("x");
        await settled(page);
        const seen = (await shownLines(page)).join("");
        assert.ok(!/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2066-\u2069]/.test(seen), `${key}: ${seen}`);
      }
    }
    assert.equal(await page.evaluate(() => document.querySelectorAll("#detail img, #detail script").length), 0);
    await openKey(page, "line");
    await page.click(".viewer-formats [role=radio]:visible:text-is('Text')");
    assert.deepEqual(await shownLines(page), ["a\\u202Eb\\x07\\xFF"]);
  });
});

test("a value above 64 KiB shows its first part, then all; one above 16 MiB is saved", { skip }, async () => {
  const line = "0123456789abcdef".repeat(64);
  const file = strings([["long", line.repeat(300)], ["huge", Buffer.alloc((16 << 20) + 1, "x")]]);
  await withFile(file, async (page) => {
    await openKey(page, "long");
    assert.equal(await page.textContent(".detail-body > .viewer .viewer-foot > span"), "First 64.0 KiB of 300 KiB");
    await page.click("button:has-text('Show all')");
    await page.waitForSelector(".detail-body > .viewer .viewer-foot", { state: "hidden" });
    await openKey(page, "huge");
    assert.equal(await page.textContent(".detail-body > .viewer .viewer-foot > span"), "First 64.0 KiB of 16.0 MiB");
    assert.equal(await page.isVisible("button:has-text('Show all')"), false);
    const [saved] = await Promise.all([page.waitForEvent("download"), page.click("button:has-text('Save value')")]);
    assert.equal(saved.suggestedFilename(), "value.bin");
  });
});

test("the head says what the server says, and in wide mode where the key stands", { skip }, async () => {
  await withDump("valkey-8.1/lru.rdb", async (page, keys) => {
    const one = keys.find((key) => key.type === "hash" && key.idle_s !== undefined) ?? keys.find((key) => key.idle_s !== undefined);
    await openKey(page, text(one.key));
    const narrow = await facts(page);
    assert.ok("Idle" in narrow && "Size" in narrow && "Encoding" in narrow, Object.keys(narrow).join());
    await page.focus("#grid");
    await page.keyboard.press("Enter");
    await page.waitForSelector("#detail.wide");
    const wide = await facts(page);
    assert.match(wide.Offset, /^[\d,]+$/);
    assert.equal(wide.Database, String(one.db));
    assert.deepEqual(await page.evaluate(() => [...document.querySelectorAll(".head-cell")].map((cell) => cell.id)), ["head-type", "head-key", "head-size", "head-expires"]);
    assert.equal(await page.evaluate(() => Math.round(document.getElementById("detail").getBoundingClientRect().width)), 684);
  });
});

test("an expired key says since when, and that it is still in the file", { skip }, async () => {
  await withDump("valkey-8.1/expired.rdb", async (page, keys) => {
    const gone = keys.find((key) => key.expires_at_ms !== undefined && key.expires_at_ms < Date.now());
    await openKey(page, text(gone.key));
    assert.match(await page.textContent(".expired-line"), /^Expired .+ ago\. It is still in the file: a primary drops it on loading, a replica and a log's preamble keep it\.$/);
    assert.equal((await facts(page)).Expires, "expired");
  });
});

test("a hash of expiring fields counts them, finds in them, and opens a value below", { skip }, async () => {
  for (const name of ["redis-8.6/field_expiry.rdb", "valkey-9.1/field_expiry.rdb"]) {
    await withDump(name, async (page, keys) => {
      const all = keys.filter((key) => key.type === "hash");
      for (const key of all.filter((one) => Object.values(one.value).some((field) => field.expires_at_ms !== undefined))) {
        const expiring = Object.values(key.value).filter((field) => field.expires_at_ms !== undefined).length;
        await openKey(page, text(key.key));
        await page.waitForFunction((words) => [...document.querySelectorAll(".detail-facts > div")].some((one) => one.textContent === `Expiring${words}`), `${expiring.toLocaleString("en-US")} ${expiring === 1 ? "field" : "fields"}`);
      }
    });
  }
  await withDump("valkey-8.1/hashes.rdb", async (page, keys) => {
    const { value } = keys.find((key) => key.key === "512-fields");
    await openKey(page, "512-fields");
    const [field, held] = Object.entries(value)[7];
    await page.fill(".find-field", field);
    const matching = Object.entries(value).filter(([name, one]) => `${name}\n${one}`.toLowerCase().includes(field.toLowerCase()));
    await page.waitForFunction((wanted) => [...document.querySelectorAll(".el-body > .el-row")].filter((row) => row.offsetParent !== null).length === wanted, matching.length);
    assert.deepEqual(Object.fromEntries(await gridCells(page)), Object.fromEntries(matching));
    await page.click(`.el-body > .el-row:has-text("${field}")`);
    await page.waitForSelector(".lower:not([hidden]) .line");
    assert.equal((await shownLines(page)).join("\n"), held);
    assert.deepEqual(await violations(page), []);
  });
});

test("a list is read from either end and jumped into", { skip }, async () => {
  await withDump("valkey-8.1/lists.rdb", async (page, keys) => {
    const value = keys.find((key) => key.key === "512-elements").value.map(text);
    await openKey(page, "512-elements");
    const items = async () => (await gridCells(page)).map(([, item]) => item);
    await page.click(".el-bar button:visible:has-text('First to last')");
    await page.click(".menu-item:has-text('Last to first')");
    await page.waitForFunction((wanted) => [...document.querySelectorAll(".el-body > .el-row")].find((row) => row.offsetParent !== null)?.firstChild.textContent === wanted, "511");
    assert.deepEqual(await items(), value.slice(-200).reverse());
    await page.click(".el-bar button:visible:has-text('Last to first')");
    await page.click(".menu-item:has-text('First to last')");
    await page.waitForFunction(() => [...document.querySelectorAll(".el-body > .el-row")].find((row) => row.offsetParent !== null)?.firstChild.textContent === "0");
    await page.click(".el-bar button:visible:has-text('First to last')");
    await page.click(".menu-item:has-text('Go to index')");
    await page.fill(".menu-form input", "300");
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => [...document.querySelectorAll(".el-body > .el-row")].find((row) => row.offsetParent !== null)?.firstChild.textContent === "300");
    assert.deepEqual(await items(), value.slice(300, 500));
    assert.match(await page.textContent(".element-body:not([hidden]) .pager .num"), /^301 – 500 of 512$/);
  });
});

test("a sorted set is ordered by score either way, and narrowed to a range of scores", { skip }, async () => {
  await withDump("valkey-8.1/zsets.rdb", async (page, keys) => {
    const value = keys.find((key) => key.key === "integers").value.map(([member, score]) => [text(member), Number(score)]);
    await openKey(page, "integers");
    assert.deepEqual(await gridTitles(page), ["Rank", "Score", "Member"]);
    const scores = async () => (await gridCells(page)).map(([, score]) => Number(score.replace("inf", "Infinity")));
    const ascending = value.map(([, score]) => score).sort((a, b) => a - b);
    assert.deepEqual(await scores(), ascending.slice(0, 200));
    await page.click(".el-bar button:visible:has-text('Lowest score first')");
    await page.click(".menu-item:has-text('Score from')");
    const [low, high] = [ascending[2], ascending.at(-3)];
    await page.fill(".menu-form label:nth-child(1) input", String(low));
    await page.fill(".menu-form label:nth-child(2) input", String(high));
    await page.keyboard.press("Enter");
    const inside = ascending.filter((score) => score >= low && score <= high);
    await page.waitForFunction((wanted) => document.querySelector(".element-body:not([hidden]) .pager").textContent.includes(wanted), inside.length.toLocaleString("en-US"));
    assert.deepEqual(await scores(), inside.slice(0, 200));
    await page.click(".el-bar button:visible:has-text('Lowest score first')");
    await page.click(".menu-item:has-text('Highest score first')");
    await page.waitForFunction((wanted) => [...document.querySelectorAll(".el-body > .el-row")].find((row) => row.offsetParent !== null)?.children[1].textContent === wanted, String(inside.at(-1)));
    assert.deepEqual(await scores(), inside.toReversed?.().slice(0, 200) ?? [...inside].reverse().slice(0, 200));
  });
});

test("integers of a set stand at the right when all are integers", { skip }, async () => {
  await withDump("valkey-8.1/sets.rdb", async (page, keys) => {
    const integers = keys.find((key) => key.value.length > 1 && key.value.every((one) => /^-?\d+$/.test(text(one))));
    const words = keys.find((key) => key.value.length > 1 && key.value.some((one) => !/^-?\d+$/.test(text(one))) && /^[\w-]+$/.test(text(key.key)));
    const align = () => page.evaluate(() => getComputedStyle([...document.querySelectorAll(".el-body > .el-row .el-td")].find((cell) => cell.offsetParent !== null)).textAlign);
    await openKey(page, text(integers.key));
    assert.equal(await align(), "right");
    await openKey(page, text(words.key));
    assert.notEqual(await align(), "right");
  });
});

test("a stream shows its entries, what is pending with whom, its consumers and groups as the server does", { skip }, async () => {
  await withDump("valkey-8.1/streams.rdb", async (page, keys) => {
    const { value } = keys.find((key) => key.key === "readers");
    await openKey(page, "readers");
    assert.deepEqual((await gridCells(page)).map(([id]) => id), value.entries.map(([id]) => id).reverse());
    const pending = value.groups.flatMap((group) => group.pending.map(([id, consumer, at, times]) => [id, group.name, consumer, new Date(at).toISOString().slice(11, 19), times.toLocaleString("en-US")]));
    await tab(page, `Pending ${pending.length}`);
    await page.waitForFunction(() => document.querySelector('.el-grid[aria-label="Pending entries"]:not([hidden]) .el-body > .el-row'));
    assert.deepEqual(await gridCells(page), pending);
    const consumers = value.groups.flatMap((group) => group.consumers.map((one) => [group.name, one.name, String(group.pending.filter(([, name]) => name === one.name).length)]));
    await tab(page, `Consumers ${consumers.length}`);
    await page.waitForFunction(() => document.querySelector('.el-grid[aria-label="Consumers"]:not([hidden]) .el-body > .el-row'));
    assert.deepEqual((await gridCells(page)).map((cells) => cells.slice(0, 3)), consumers);
    const groups = await page.evaluate(() => [...document.querySelectorAll(".groups tbody tr")].map((row) => [...row.children].slice(0, 4).map((cell) => cell.textContent)));
    assert.deepEqual(groups, value.groups.map((group) => [group.name, group.last_id, String(value.entries_added - group.entries_read), String(group.pending.length)]));
    await tab(page, "Entries");
    await page.waitForFunction(() => document.querySelector('.el-grid[aria-label="Entries"]:not([hidden]) .el-body > .el-row'));
    assert.deepEqual(await violations(page), []);
  });
});

test("pages of a stream keep its groups, its bars lead to entries, and deleted ones are counted", { skip }, async () => {
  await withDump("valkey-8.1/streams.rdb", async (page, keys) => {
    const { value } = keys.find((key) => key.key === "same-fields");
    await openKey(page, "same-fields");
    await page.keyboard.press("]");
    await page.waitForFunction(() => document.querySelector(".stream .pager").textContent.includes("201"));
    assert.equal((await gridCells(page)).length, value.entries.length - 200);
    const known = await facts(page);
    assert.equal(known.First, value.first_id);
    assert.equal(known.Last, value.last_id);
    const { value: some } = keys.find((key) => key.key === "deleted-some");
    await openKey(page, "deleted-some");
    assert.equal((await facts(page)).Deleted, (some.entries_added - some.entries.length).toLocaleString("en-US"));
    await page.waitForSelector(".hours-bars > button");
    await page.click(".hours-bars > button:first-child");
    await page.waitForFunction(() => document.querySelector(".stream .el-body > .el-row"));
    // Ids as large as they can be are still a page.
    await openKey(page, "highest-id");
    await page.waitForSelector(".hours-bars > button");
    assert.doesNotMatch(await page.textContent("#detail"), /NaN|undefined|Invalid/);
  });
});

test("entries with the same fields are columns where there is room, others are pairs; a long value opens below", { skip }, async () => {
  await withDump("valkey-8.1/streams.rdb", async (page, keys) => {
    await openKey(page, "same-fields");
    await page.focus("#grid");
    await page.keyboard.press("Enter");
    await page.waitForSelector("#detail.wide");
    const [[, first]] = keys.find((key) => key.key === "same-fields").value.entries;
    const names = first.filter((_, at) => at % 2 === 0).map(text);
    await page.waitForFunction(() => document.querySelector(".stream .el-head").textContent.includes("Time, UTC"));
    assert.deepEqual((await gridTitles(page)).slice(0, -1), ["ID", "Time, UTC", ...(Array.isArray(first[0]) ? first.map(([name]) => text(name)) : names)]);
    await tab(page, "Pairs");
    assert.deepEqual(await gridTitles(page), ["ID", "Fields"]);
    await openKey(page, "other-fields");
    assert.deepEqual(await gridTitles(page), ["ID", "Fields"]);
    await openKey(page, "long");
    await page.click(".stream .el-body > .el-row");
    await page.click(".entry-pairs button");
    await page.waitForSelector(".stream .lower:not([hidden]) .line");
    assert.deepEqual(await violations(page), []);
    await page.keyboard.press("Escape");
    await page.waitForSelector(".stream .lower", { state: "hidden" });
    assert.ok(await page.isVisible(".entry-pairs"));
  });
});

test("what is empty in an array is one row", { skip }, async () => {
  const array = "\x1c\x01a\x03\x01\x03\x00\x01\xfb\xff\xff\xff\xff\xff\xff\xff\x01\x02\0\0\0\0\0\0\xf8\x3f\x80\x00\x0f\x42\x40\x03\x02zz";
  await withFile(snapshot("REDIS0014", array), async (page) => {
    await openKey(page, "a");
    assert.deepEqual(await gridCells(page), [["0", "-5"], ["1", "1.5"], ["", "999,998 empty"], ["1,000,000", "zz"]]);
    await page.click(".el-body > .el-row:nth-child(3)");
    await page.click(".el-body > .el-row:nth-child(4)");
    await page.waitForSelector(".lower:not([hidden]) .line");
    assert.deepEqual(await shownLines(page), ["zz"]);
    assert.equal(await page.getAttribute(".el-row.gap", "aria-selected"), null);
    assert.deepEqual(await violations(page), []);
  });
});

test("what is empty at the turn of a page of an array is told too", { skip }, async () => {
  const number = (n) => (n < 64 ? String.fromCharCode(n) : String.fromCharCode(0x40 | (n >> 8), n & 255));
  const elements = [...Array(200).keys(), 300].map((index) => `${number(index)}\x03\x01v`).join("");
  await withFile(snapshot("REDIS0014", `\x1c\x01a${number(201)}\x00${elements}`), async (page) => {
    await openKey(page, "a");
    assert.equal((await gridCells(page)).length, 200);
    await page.keyboard.press("]");
    await page.waitForFunction(() => document.querySelector(".pager .num").textContent.startsWith("201"));
    assert.deepEqual(await gridCells(page), [["", "100 empty"], ["300", "v"]]);
  });
});

test("a long key scrolls within four lines, and is reached by the keyboard", { skip }, async () => {
  const key = "a:long:key:".repeat(60);
  await withFile(strings([[key, "v"]]), async (page) => {
    await page.click("#row-0");
    await page.waitForSelector(".detail-body > .viewer .line");
    const box = await page.evaluate(() => {
      const node = document.querySelector(".detail-key");
      return { height: node.clientHeight, whole: node.scrollHeight, tab: node.tabIndex, text: node.textContent };
    });
    assert.deepEqual([box.height, box.tab, box.text], [80, 0, key]);
    assert.ok(box.whole > 80);
    assert.deepEqual(await violations(page), []);
  });
});

test("a module value that is not understood is kept as it is, and shown as bytes and parts", { skip }, async () => {
  await withDump("valkey-8.1/module.rdb", async (page, keys) => {
    const one = keys.find((key) => key.type === "module");
    await openKey(page, text(one.key));
    assert.match(await page.textContent(".detail-body > .value-note:visible"), /^This module's value is kept as it is: [\d.]+ K?i?B\.$/);
    const digits = (await shownLines(page)).map((line) => line.slice(10, 58).replaceAll(" ", "")).join("");
    // DUMP has the type in front, and a version and a checksum behind.
    const payload = bytes(one.value.dump).subarray(1, -10).toString("hex");
    assert.ok(digits.includes(payload), "the bytes are those that DUMP gives");
    await tab(page, "Parts");
    await page.waitForSelector(".el-row:has-text('string'), .el-row:has-text('uint'), .el-row:has-text('int')");
    assert.deepEqual(await violations(page), []);
  });
});

test("what a key is copied as is said on the button, and by a polite word", { skip }, async () => {
  await withFile(strings([["k:<b>", "[1,2]"]]), async (page) => {
    await openKey(page, "k:<b>");
    assert.equal(await copied(page, "Value as shown"), "[\n  1,\n  2\n]");
    assert.deepEqual(JSON.parse(await copied(page, "JSON line")), { db: 0, key: "k:<b>", type: "string", encoding: "string", value: "[1,2]" });
    assert.equal(await copied(page, "Offset"), "9");
    await page.keyboard.press("c");
    await page.waitForFunction(() => /^Copied/.test(document.getElementById("polite").textContent));
  }, { permissions: ["clipboard-read", "clipboard-write"] });
});

const server = findServer("redis-7.0");
const skipServer = skip || (server ? false : "the server is not there; tests/data/servers.sh obtains it");
const COPIED = [
  ["strings", ["binary:all-bytes", "binary:crlf", "int:-1", "text:-0"]], ["hashes", ["one", "empty-parts", "binary"]], ["lists", ["empties", "binary"]],
  ["sets", ["mixed", "int64"]], ["zsets", ["one", "equal-scores", "scores-packed"]], ["streams", ["readers", "deleted-some", "odd-names"]], ["expiry", ["hash", "list", "stream", "string:ms"]],
];
for (const [name, wanted] of COPIED) {
  test(`a server that takes the lines for redis-cli has the keys of ${name} again`, { skip: skipServer }, async () => {
    const file = `redis-7.0/${name}.rdb`;
    await withServer(server, async (ask) => {
      await withDump(file, async (page, keys) => {
        const chosen = keys.filter((key) => wanted.includes(key.key));
        assert.equal(chosen.length, wanted.length);
        for (const { key } of chosen) {
          const digest = async () => [String(await ask("DEBUG", "DIGEST-VALUE", key)), await ask("PEXPIRETIME", key)];
          const before = await digest();
          await openKey(page, key);
          for (const item of ["Commands for redis-cli", "RESTORE command"]) {
            const lines = await copied(page, item);
            assert.equal(await ask("DEL", key), 1);
            for (const line of lines.split("\n")) await ask.line(line);
            assert.deepEqual(await digest(), before, `${key}, ${item}`);
          }
        }
      }, { permissions: ["clipboard-read", "clipboard-write"] });
    }, { "dump.rdb": dump(file) }, ["--enable-debug-command", "yes"]);
  });
}

test("a key is saved as the payload that DUMP gives", { skip }, async () => {
  await withDump("valkey-8.1/module.rdb", async (page, keys) => {
    const one = keys.find((key) => key.type === "module");
    await openKey(page, text(one.key));
    await page.click(".detail-tools .export-key");
    assert.deepEqual(await page.$$eval(".menu-item", (items) => items.map((item) => item.firstChild.textContent)), ["JSON Lines", "CSV", "Commands", "New snapshot", "Payload for RESTORE"]);
    const [download] = await Promise.all([page.waitForEvent("download"), page.click(".menu-item:has-text('Payload')")]);
    assert.deepEqual(readFileSync(await download.path()), bytes(one.value.dump));
  });
});

test("focus goes back to where the value was opened from", { skip }, async () => {
  await withDump("valkey-8.1/hashes.rdb", async (page) => {
    await page.click(".largest");
    await page.waitForFunction(() => document.querySelector(".detail-key").textContent !== "");
    await page.focus("#detail .icon-button[aria-label=Close]");
    await page.keyboard.press("Enter");
    assert.match(await focused(page), /largest/);
    await openKey(page, "small");
    await page.focus("#detail .icon-button[aria-label=Close]");
    await page.keyboard.press("Enter");
    assert.equal(await focused(page), "grid");
  });
});

test("the edge of the pane moves by arrows and by double click, also in wide mode, within its bounds", { skip }, async () => {
  await withDump("valkey-8.1/hashes.rdb", async (page) => {
    await openKey(page, "small");
    const width = () => page.evaluate(() => Math.round(document.getElementById("detail").getBoundingClientRect().width));
    const until = (px) => page.waitForFunction((wanted) => Math.round(document.getElementById("detail").getBoundingClientRect().width) === wanted, px);
    await until(392);
    await page.focus(".detail .splitter");
    await page.keyboard.press("ArrowLeft");
    await until(408);
    await page.keyboard.press("End");
    await until(320);
    await page.keyboard.press("Home");
    await until(896);
    await page.dblclick(".detail .splitter");
    await until(392);
    await page.click("#detail .icon-button[aria-label=Wider]");
    await until(684);
    await page.focus(".detail .splitter");
    await page.keyboard.press("ArrowRight");
    await until(668);
    await page.click("#detail .icon-button[aria-label=Narrower]");
    await until(392);
    assert.equal(await width(), 392);
  });
});

test("at 390 px Back returns to where the list was", { skip }, async () => {
  await withFile(strings(Array.from({ length: 300 }, (_, at) => [`key:${at}`, "v"])), async (page) => {
    await page.evaluate(() => document.getElementById("app").scrollTo(0, 4000));
    await settled(page);
    const before = await page.evaluate(() => document.getElementById("app").scrollTop);
    const seen = await page.evaluate(() => [...document.querySelectorAll(".row:not([hidden])")].find((row) => row.getBoundingClientRect().top > 200).id);
    await page.tap(`#${seen}`);
    await page.waitForSelector("#detail:not([hidden]) .line");
    await page.tap("#detail .icon-button[aria-label='Back to the keys']");
    await page.waitForSelector("#detail", { state: "hidden" });
    assert.equal(await page.evaluate(() => document.getElementById("app").scrollTop), before);
  }, { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
});

test("at 390 px the value is a page of its own that Back leaves, and only bytes scroll sideways", { skip }, async () => {
  await withDump("valkey-8.1/streams.rdb", async (page) => {
    await page.tap("#row-1");
    await page.waitForSelector("#detail:not([hidden])");
    await page.waitForFunction(() => document.querySelector(".detail-body .el-row, .detail-body .line"));
    const wide = await page.evaluate(() => [...document.querySelectorAll("#detail *")].filter((node) => node.offsetParent !== null && node.getBoundingClientRect().right > innerWidth + 1 && !node.closest(".lines, .segments")).map((node) => node.className));
    assert.deepEqual(wide, []);
    assert.deepEqual(await violations(page), []);
    await page.goBack();
    await page.waitForSelector("#detail", { state: "hidden" });
    assert.equal(await focused(page), "grid");
  }, { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
});
