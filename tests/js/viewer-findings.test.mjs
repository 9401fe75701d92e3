// What the viewer says of damaged files: the strip, the list, the explanation with its bytes, and that reading
// goes on. The files are made here, each with a fault at a byte that is known.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { findServer, withServer } from "./support/server.mjs";
import { drop, untilRead, violations } from "./support/site.mjs";
import { dump, settled, skip, snapshot, withFile, withPage } from "./support/viewer.mjs";

const HEADER = 9;
const text = (page, query) => page.$eval(query, (node) => node.textContent);
const texts = (page, query) => page.$$eval(query, (nodes) => nodes.map((node) => node.textContent));
const openFindings = (page) => page.click(".tab:has-text('Findings')");
const figures = (page) => page.$$eval(".findings-summary .fact", (facts) => Object.fromEntries(facts.map((fact) => [fact.children[0].textContent, fact.children[1].textContent.replace(/\s+/g, " ")])));
const keys = async (page) => {
  await settled(page);
  return page.$$eval(".row:not([hidden]) > .key", (cells) => cells.map((cell) => cell.textContent));
};
const pairs = (page) => page.$$eval(".explain .pairs > dt", (names) => Object.fromEntries(names.map((name) => [name.textContent, name.nextElementSibling.textContent])));

/** A listpack of these texts, each under 64 bytes. */
function listpack(...entries) {
  const body = Buffer.concat(entries.map((entry) => Buffer.concat([Buffer.from([0x80 | entry.length]), Buffer.from(entry), Buffer.from([entry.length + 1])])));
  const head = Buffer.alloc(6);
  head.writeUInt32LE(body.length + 7, 0);
  head.writeUInt16LE(entries.length, 4);
  return Buffer.concat([head, body, Buffer.from([0xff])]);
}

const record = (type, key, value) => Buffer.concat([Buffer.from([type, key.length]), Buffer.from(key), Buffer.from([value.length]), Buffer.from(value)]);
const STRING = 0;
const HASH = 16;
const file = (...records) => snapshot("REDIS0011", Buffer.concat(records));

const FIELDS = listpack("f", "v", "g", "w", "h", "x");
/** The last pair and the end byte are zeros. */
const CUT_FIELDS = Buffer.concat([FIELDS.subarray(0, 18), Buffer.alloc(FIELDS.length - 18)]);
const FIRST = record(STRING, "first", "1");
const BROKEN = record(HASH, "session:5be", CUT_FIELDS);
const AFTER = record(STRING, "cache:tents", "2");
/** The end byte that is missing. */
const FAULT = HEADER + FIRST.length + BROKEN.length - 1;

test("a value that is broken is passed over, and said at its byte, with what is readable of it", { skip }, async () => {
  await withFile(file(FIRST, BROKEN, AFTER), async (page) => {
    assert.deepEqual(await keys(page), ["first", "session:5be", "cache:tents"]);
    assert.equal(await page.isVisible("#findings"), false, "the view is not opened by itself");
    assert.match(await text(page, "#status"), /3 keys.*1 error.*Read in/);
    assert.equal(await text(page, ".tab .count"), "1");
    assert.equal(await text(page, "#assertive"), `Damage at byte ${FAULT}, reading went on`);
    await openFindings(page);
    assert.deepEqual(await figures(page), {
      "Keys read": "2in 1 database", "Lost": "1 key",
      "Bytes not understood": `${BROKEN.length} Bof ${file(FIRST, BROKEN, AFTER).length} B, ${Math.round((BROKEN.length / file(FIRST, BROKEN, AFTER).length) * 100)} %`,
      "Read to the end": "Yeswent on after each fault",
    });
    await page.waitForSelector(".hexdump .fault");
    assert.equal(await text(page, ".finding-title"), "error: Listpack without its end byte");
    assert.match(await text(page, ".explain-text p"), new RegExp(`Expected the listpack's end byte FF at byte ${FAULT}, found 00. 1 of its 3 fields is gone.`));
    const said = await pairs(page);
    assert.equal(said["Still readable"], "2 of 3 fields");
    assert.equal(said["Key and value"], `bytes ${HEADER + FIRST.length} – ${FAULT + 1}`);
    assert.equal(said["Reading went on"], `at byte ${FAULT + 1}, key cache:tents`);
    assert.match(await text(page, ".code-words"), /^bad-packed .*contradicts itself/);
    assert.deepEqual(await texts(page, ".repaired .choice"), ["Leave this key out", "Keep its 2 readable fields"]);
    const meanings = await texts(page, ".hexdump .meaning");
    assert.match(meanings.join("\n"), /f = v/);
    assert.match(meanings.join("\n"), /does not decode/);
    assert.match(meanings.join("\n"), /key cache:tents: string/);
    assert.ok((await texts(page, ".hexdump .after")).every((digits) => digits === "00"));
    await page.click("text=Show this key in Keys");
    await page.waitForSelector("#detail:not([hidden])");
    assert.equal(await text(page, ".detail-key"), "session:5be");
  });
});

test("behind lost bytes reading goes on where keys are sure again", { skip }, async () => {
  const expiring = Buffer.concat([Buffer.from("fc0090f6cbd1010000", "hex"), record(STRING, "e", "v")]);
  const hash = record(HASH, "h", FIELDS);
  const claiming = Buffer.concat([Buffer.from([STRING, 1, 0x63, 0x80, 0x10, 0, 0, 0]), Buffer.from("value")]);
  for (const lost of [Buffer.alloc(40, 0x7f), claiming]) {
    await withFile(file(hash, lost, expiring, FIRST), async (page) => {
      assert.deepEqual(await keys(page), ["h", "e", "first"]);
      assert.match(await text(page, "#status"), /3 keys.*1 error.*Read in/);
      await openFindings(page);
      await page.waitForSelector(".hexdump .fault");
      assert.equal((await figures(page))["Bytes not understood"].split("of")[0], `${lost.length} B`);
      assert.equal((await pairs(page))["Reading went on"], `at byte ${HEADER + hash.length + lost.length}, key e`);
      assert.match(await text(page, ".repaired"), /What is lost is left out/);
    });
  }
});

test("zeros are not shown as keys", { skip }, async () => {
  const expiring = Buffer.concat([Buffer.from("fc0090f6cbd1010000", "hex"), record(STRING, "e", "v")]);
  await withFile(file(record(HASH, "h", FIELDS), Buffer.alloc(3000), expiring), async (page) => {
    // A key without a name may stand once, and a server says of the second that it does not.
    assert.deepEqual(await keys(page), ["h", "empty key", "empty key", "e"]);
    await openFindings(page);
    await page.waitForSelector(".hexdump .fault");
    assert.deepEqual(await texts(page, ".finding-title"), ["error: The same twice"]);
    assert.match((await figures(page))["Bytes not understood"], /^2.9[0-9] KiB/);
  });
});

test("n and p go from finding to finding, and so do the marks", { skip }, async () => {
  const other = record(HASH, "session:two", CUT_FIELDS);
  const far = record(STRING, "far", "x".repeat(60));
  const many = Array.from({ length: 40 }, () => far);
  await withFile(file(BROKEN, ...many, other, AFTER), async (page) => {
    await page.keyboard.press("n");
    await page.waitForSelector("#findings:not([hidden])");
    const chosen = () => text(page, ".finding[aria-current=true] .mono");
    const marked = () => page.$eval(".strip-mark[aria-pressed=true]", (mark) => mark.getAttribute("aria-label"));
    assert.equal(await chosen(), "session:5be");
    await page.keyboard.press("n");
    await page.waitForFunction(() => document.querySelector(".finding[aria-current=true] .mono").textContent === "session:two");
    assert.match(await marked(), /^Finding 2, error, byte/);
    await page.keyboard.press("p");
    await page.waitForFunction(() => document.querySelector(".finding[aria-current=true] .mono").textContent === "session:5be");
    await page.focus(".strip-mark[aria-pressed=true]");
    await page.keyboard.press("ArrowRight");
    await page.waitForFunction(() => document.querySelector(".finding[aria-current=true] .mono").textContent === "session:two");
    assert.match(await page.evaluate(() => document.activeElement.getAttribute("aria-label")), /^Finding 2/);
    assert.deepEqual(await texts(page, ".strip-scale .mark"), ["1", "2"]);
    assert.deepEqual(await violations(page), []);
  });
});

test("marks closer than 6 px are one, with their numbers", { skip }, async () => {
  const far = Array.from({ length: 900 }, () => record(STRING, "far", "x".repeat(60)));
  await withFile(file(BROKEN, record(HASH, "session:two", CUT_FIELDS), record(HASH, "session:three", CUT_FIELDS), ...far), async (page) => {
    await openFindings(page);
    await page.waitForSelector(".strip-mark");
    assert.equal(await page.locator(".strip-mark").count(), 1);
    assert.match(await page.getAttribute(".strip-mark", "aria-label"), /^3 findings from byte/);
    assert.equal(await text(page, ".strip-scale .mark"), "1–3");
    await page.click(".strip-mark");
    await page.waitForFunction(() => document.querySelector(".finding[aria-current=true] .mono").textContent === "session:two");
  });
});

test("a file that is cut says so with its byte and key, and how many keys are whole", { skip }, async () => {
  const whole = file(Buffer.from([0xfe, 0]), FIRST, AFTER, record(HASH, "cart:7d1e40", FIELDS));
  await withFile(whole.subarray(0, whole.length - 20), async (page) => {
    await page.waitForSelector("#findings:not([hidden])");
    assert.match(await text(page, ".explain-text p"), new RegExp(`The file ends at byte ${whole.length - 20}, inside the value of cart:7d1e40 \\(hash-listpack, db 0\\). 2 keys before it are whole.`));
    const { Lost, "Read to the end": end } = await figures(page);
    assert.deepEqual([Lost, end.startsWith("Nostopped at byte ")], ["Unknownwhat is behind the fault", true]);
    await page.click("text=Show the last whole key in Keys");
    await page.waitForSelector("#detail:not([hidden])");
    assert.equal(await text(page, ".detail-key"), "cache:tents");
  });
});

test("a fault that nothing can be read behind ends the reading, and opens the findings", { skip }, async () => {
  await withFile(snapshot("REDIS0011", Buffer.concat([FIRST, Buffer.from([0x63, 1, 0x78]), AFTER])), async (page) => {
    await page.waitForSelector("#findings:not([hidden])");
    assert.equal(await text(page, "#assertive"), `Damage at byte ${HEADER + FIRST.length}, reading stopped`);
    assert.deepEqual(await texts(page, ".finding .code"), ["unknown-type"]);
    await page.click(".tab:has-text('Keys')");
    assert.deepEqual(await keys(page), ["first"]);
  });
});

test("a checksum that is wrong behind other damage is a warning, alone it is an error", { skip }, async () => {
  await withPage(async (page) => {
    const wrong = Buffer.from(dump("valkey-8.1/sets.rdb"));
    wrong[wrong.length - 1] ^= 1;
    await drop(page, "wrong.rdb", wrong);
    await untilRead(page);
    assert.match(await text(page, "#status"), /1 error/);
    const both = snapshot("REDIS0011", Buffer.concat([FIRST, Buffer.from("\x02\x01e\x00", "latin1")]));
    both.writeBigUInt64LE(1n, both.length - 8);
    await drop(page, "both.rdb", both);
    await page.click("button:has-text('Open it')");
    await page.waitForFunction(() => document.querySelector(".file-name").textContent === "both.rdb" && /1 error.*1 warning/.test(document.getElementById("status").textContent));
    await openFindings(page);
    assert.deepEqual(await texts(page, ".finding .code"), ["bad-value", "bad-checksum"]);
  });
});

test("a file without findings says so", { skip }, async () => {
  await withFile(dump("valkey-8.1/hashes.rdb"), async (page) => {
    await openFindings(page);
    assert.equal(await text(page, ".nothing"), "No findings. The checksum matches and every value decodes.");
  });
});

test("the report that is copied tells of bytes and codes, and of nothing that is in the file", { skip }, async () => {
  await withFile(file(FIRST, BROKEN, AFTER), async (page) => {
    await openFindings(page);
    await page.click(".findings-summary button:has-text('Copy report')");
    await page.waitForFunction(() => document.getElementById("polite").textContent === "Copied report");
    const report = await page.evaluate(() => navigator.clipboard.readText());
    assert.match(report, new RegExp(`error bad-packed at byte ${FAULT}`));
    assert.doesNotMatch(report, /session|cache/);
  }, { permissions: ["clipboard-read", "clipboard-write"] });
});

/** The next save is a download: the browser's dialog for a file's place cannot be used without hands. */
const withoutDialog = (page) => page.evaluate(() => { delete window.showSaveFilePicker; });

test("a repaired copy is saved once what it keeps and drops was said, and has no findings", { skip }, async () => {
  const content = file(Buffer.from([0xfe, 0]), FIRST, BROKEN, AFTER);
  await withFile(content, async (page) => {
    await withoutDialog(page);
    await openFindings(page);
    await page.click("text=Save a repaired copy…");
    await page.waitForSelector(".repair-facts");
    const said = await page.$$eval(".repair-facts > div", (facts) => Object.fromEntries(facts.map((fact) => [fact.children[0].textContent, fact.children[1].textContent])));
    assert.deepEqual(said, {
      "Bytes kept": `${content.length - BROKEN.length - 8} B (${content.length - BROKEN.length - 8})`, "Bytes dropped": `${BROKEN.length + 8} B (${BROKEN.length + 8})`,
      "Keys kept": "2", "Keys dropped": "1",
    });
    assert.match(await text(page, ".repair-ranges"), /Bytes 20 – \d+: expected the listpack's end byte FF, found byte 0/);
    assert.match(await text(page, ".repaired"), /Bytes 20 – \d+ are left out/);
    assert.deepEqual(await violations(page), []);
    const [download] = await Promise.all([page.waitForEvent("download"), page.click("text=Save the copy")]);
    assert.equal(download.suggestedFilename(), "a-repaired.rdb");
    const saved = readFileSync(await download.path());
    await page.waitForFunction(() => /Saved a-repaired\.rdb/.test(document.querySelector(".repair").textContent));
    await page.click(".repair button:has-text('Close')");
    await drop(page, "a-repaired.rdb", saved);
    await page.click("button:has-text('Open it')");
    await page.waitForFunction(() => document.querySelector(".file-name").textContent === "a-repaired.rdb" && /checksum matches/.test(document.getElementById("status").textContent));
    assert.deepEqual(await keys(page), ["first", "cache:tents"]);
    assert.equal(await text(page, ".tab .count"), "0");
  });
});

const chosen = (page) => page.$$eval(".repaired [role=radio]", (radios) => radios.map((radio) => [radio.textContent, radio.ariaChecked, radio.tabIndex]));
/** The explanation of this key is there, with what may become of it. */
const untilOffered = (page, key) => page.waitForFunction((wanted) => document.querySelector(".explain .pairs > dd").textContent.includes(wanted) && document.querySelector(".repaired [role=radio]"), key);
const EXPIRES_AT_MS = 2_000_000_000_000;

test("a key is kept with its readable fields where that is chosen, and a server has them", { skip }, async () => {
  const expiry = Buffer.alloc(9, 0xfc);
  expiry.writeBigInt64LE(BigInt(EXPIRES_AT_MS), 1);
  const other = record(HASH, "session:6cf", CUT_FIELDS);
  const content = file(Buffer.from([0xfe, 0]), FIRST, other, expiry, BROKEN, AFTER);
  await withFile(content, async (page) => {
    await withoutDialog(page);
    await openFindings(page);
    await page.waitForSelector(".repaired [role=radiogroup]");
    await page.click(".finding >> nth=1");
    await untilOffered(page, "session:5be");
    assert.deepEqual(await chosen(page), [["Leave this key out", "true", 0], ["Keep its 2 readable fields", "false", -1]]);
    // A plan of before the choice is no more.
    await page.click("text=Save a repaired copy…");
    await page.waitForSelector(".repair-facts");
    await page.focus(".repaired [role=radio]");
    await page.keyboard.press("ArrowDown");
    await page.waitForFunction(() => document.activeElement.textContent === "Keep its 2 readable fields" && document.activeElement.ariaChecked === "true");
    assert.deepEqual(await chosen(page), [["Leave this key out", "false", -1], ["Keep its 2 readable fields", "true", 0]]);
    await page.waitForFunction(() => document.querySelector(".repair").hidden);
    // The choice is that of one finding.
    await page.click(".finding >> nth=0");
    await untilOffered(page, "session:6cf");
    assert.equal((await chosen(page))[0][1], "true");
    await page.click(".finding >> nth=1");
    await page.waitForFunction(() => document.querySelector(".repaired [role=radio]:nth-child(2)")?.ariaChecked === "true");

    await page.click("text=Save a repaired copy…");
    await page.waitForSelector(".repair-facts");
    const said = await page.$$eval(".repair-facts > div", (facts) => Object.fromEntries(facts.map((fact) => [fact.children[0].textContent, fact.children[1].textContent])));
    assert.deepEqual([said["Keys kept"], said["Keys kept in part"], said["Keys dropped"]], ["3", "1", "1"]);
    assert.match(await text(page, ".repair-ranges"), /Bytes \d+ – \d+, whose key is kept with 2 elements: expected/);
    assert.match(await text(page, ".repaired"), /are left out, and the key is kept with what of them is readable/);
    assert.deepEqual(await violations(page), []);
    const [download] = await Promise.all([page.waitForEvent("download"), page.click("text=Save the copy")]);
    const saved = readFileSync(await download.path());
    const program = findServer("redis-8.0");
    if (!program) return;
    await withServer(program, async (ask) => {
      assert.equal(await ask("DBSIZE"), 3);
      assert.deepEqual((await ask("HGETALL", "session:5be")).map(String), ["f", "v", "g", "w"]);
      assert.equal(await ask("PEXPIRETIME", "session:5be"), EXPIRES_AT_MS);
    }, { "dump.rdb": saved });
  });
});

test("on a phone there is room for a finger at what may become of a key", { skip }, async () => {
  await withFile(file(FIRST, BROKEN, AFTER), async (page) => {
    await page.click(".bottom-tab:has-text('Findings')");
    await page.waitForSelector(".repaired [role=radio]");
    assert.deepEqual(await page.$$eval(".repaired [role=radio]", (radios) => radios.map((radio) => radio.getBoundingClientRect()).map(({ width, height }) => [width >= 200, height >= 44])), [[true, true], [true, true]]);
    await page.tap(".repaired [role=radio] >> nth=1");
    await page.waitForFunction(() => document.querySelector(".repaired [role=radio]:nth-child(2)").ariaChecked === "true");
  }, { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
});

test("a string that is broken is left out, and nothing else is offered", { skip }, async () => {
  const broken = Buffer.from([STRING, 1, 0x63, 0xc3, 4, 6, 0, 0, 0, 0xff]);
  await withFile(file(FIRST, broken, AFTER), async (page) => {
    await openFindings(page);
    await page.waitForSelector(".hexdump .fault");
    assert.match(await text(page, ".repaired"), /This key is left out/);
    assert.equal(await page.locator(".repaired [role=radio]").count(), 0);
  });
});

test("a cut file is repaired up to its last whole key", { skip }, async () => {
  const whole = file(FIRST, AFTER, record(HASH, "cart:7d1e40", FIELDS));
  await withFile(whole.subarray(0, whole.length - 20), async (page) => {
    await withoutDialog(page);
    await page.waitForSelector("#findings:not([hidden])");
    await page.click("text=Save a repaired copy…");
    await page.waitForSelector(".repair-facts");
    assert.match(await text(page, ".repair"), /An end with its checksum is put behind the last whole record/);
    const [download] = await Promise.all([page.waitForEvent("download"), page.click("text=Save the copy")]);
    const saved = readFileSync(await download.path());
    assert.equal(saved.subarray(0, HEADER + FIRST.length + AFTER.length).compare(whole.subarray(0, HEADER + FIRST.length + AFTER.length)), 0);
    assert.equal(saved.length, HEADER + FIRST.length + AFTER.length + 9);
  });
});
