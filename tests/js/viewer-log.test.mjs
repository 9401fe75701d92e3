// Logs in the viewer, in headless Chromium: logs of real servers from tests/data, what these servers held after a start on
// them, and which commands stand in them. The environment is that of viewer.test.mjs.

import assert from "node:assert/strict";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { drop, untilRead, violations } from "./support/site.mjs";
import { data, dump, skip, withPage } from "./support/viewer.mjs";

const folder = mkdtempSync(join(tmpdir(), "aikv-viewer-log-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const told = (name) => JSON.parse(readFileSync(join(data, `${name}.json`), "utf8"));
const text = (value) => (typeof value === "string" ? value : Buffer.from(value.$b64, "base64").toString("latin1"));
const line = (command) => command.map((value) => (text(value) === "" ? "empty" : text(value))).join(" ");
/** Text that the page writes as it is. */
const isPlain = (command) => command.every((value) => /^[\x20-\x7e]{0,100}$/.test(text(value))) && line(command).length < 300;

async function withLog(name, use, options) {
  await withPage(async (page) => {
    await drop(page, name.split("/").at(-1), dump(name));
    await untilRead(page);
    await use(page, told(name.replace(/\.aof$/, "")));
  }, options);
}

async function toCommands(page) {
  await page.keyboard.press("g");
  await page.keyboard.press("l");
  await page.waitForSelector("#commands:not([hidden]) .row:not(.pending)");
}

async function settled(page, grid) {
  await page.waitForFunction((id) => {
    const node = document.getElementById(id);
    return node.getAttribute("aria-busy") !== "true" && node.querySelectorAll(".row:not([hidden])").length > 0 && !node.querySelector(".row.pending:not([hidden])");
  }, grid);
}

/** Every row of a grid, by going through it page by page. */
async function allRows(page, grid) {
  const total = Number(await page.getAttribute(`#${grid}`, "aria-rowcount")) - 1;
  const found = new Map();
  await page.focus(`#${grid}`);
  await page.keyboard.press("Home");
  for (let turn = 0; found.size < total && turn < 60; turn += 1) {
    await settled(page, grid);
    const rows = await page.evaluate((id) => [...document.querySelectorAll(`#${id} .row:not([hidden])`)].map((row) => [
      Number(row.getAttribute("aria-rowindex")) - 2,
      Object.fromEntries([...row.querySelectorAll(".td")].map((cell) => [cell.classList[1], cell])
        .map(([name, cell]) => [name, name === "arguments" ? [...cell.children].map((part) => part.textContent).join(" ") : name === "command" ? cell.firstChild.textContent : name === "type" ? cell.lastChild.textContent : cell.textContent])),
    ]), grid);
    for (const [at, row] of rows) found.set(at, row);
    await page.keyboard.press("PageDown");
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  }
  assert.equal(found.size, total, "rows");
  return [...found].sort(([a], [b]) => a - b).map(([, row]) => row);
}

/** The keys on screen are those that the server had. */
async function assertKeys(page, keys) {
  await page.waitForFunction((wanted) => document.querySelector("#status .strong").textContent.startsWith(wanted), `${keys.length} keys`);
  const rows = await allRows(page, "grid");
  const shown = rows.map(({ db, key, type }) => `${db} ${type} ${key}`).sort();
  // Names of other characters are shown by escapes, which is tested elsewhere.
  const plain = keys.filter(({ key }) => /^[\x21-\x7e]{1,60}$/.test(text(key))).map(({ db, key, type }) => `${db} ${type} ${text(key)}`).sort();
  assert.ok(plain.length > keys.length / 2);
  assert.deepEqual(plain.filter((key) => !shown.includes(key)), [], "keys that are missing");
  assert.equal(shown.length, keys.length);
}

for (const server of ["redis-5.0", "redis-6.2", "redis-8.0", "valkey-9.1"]) {
  test(`a log of commands shows the keys and commands that ${server} has of it`, { skip }, async () => {
    await withLog(`${server}/plain.aof`, async (page, { keys, commands, offsets, annotations }) => {
      await assertKeys(page, keys);
      await toCommands(page);
      const rows = await allRows(page, "command-grid");
      assert.equal(rows.length, commands.length);
      assert.deepEqual(rows.map((row) => Number(row.offset.replaceAll(",", ""))), offsets);
      commands.forEach((command, at) => {
        if (isPlain(command)) assert.equal(`${rows[at].command} ${rows[at].arguments}`.trim(), `${text(command[0]).toUpperCase()} ${line(command.slice(1))}`.trim(), `row ${at}`);
      });
      const marks = annotations.filter(([note]) => /^#?TS:/.test(text(note)));
      if (!marks.length) return;
      const seconds = (at) => marks.filter(([, before]) => before <= at).at(-1)?.[0];
      rows.forEach((row, at) => {
        const mark = seconds(at);
        const clock = mark ? new Date(Number(text(mark).split(":")[1]) * 1000).toISOString().slice(11, 19) : "";
        assert.equal(row.time, clock, `time of row ${at}`);
      });
    });
  });
}

test("a snapshot in front of a log is one row, and the commands behind it are applied", { skip }, async () => {
  await withLog("redis-6.2/preamble.aof", async (page, { keys, commands, offsets, preamble_bytes }) => {
    assert.match(await page.textContent(".file-facts"), /AOF with RDB 9 in front/);
    await assertKeys(page, keys);
    await toCommands(page);
    const rows = await allRows(page, "command-grid");
    assert.equal(rows.length, commands.length + 1);
    assert.match(rows[0].arguments || (await page.textContent("#command-0 .arguments")), /of \d+ keys, RDB 9/);
    assert.equal(await page.getAttribute("#command-0 .size", "title"), `${preamble_bytes.toLocaleString("en-US")} bytes`);
    assert.deepEqual(rows.slice(1).map((row) => Number(row.offset.replaceAll(",", ""))), offsets);
  });
});

for (const server of ["redis-7.0", "redis-8.6", "valkey-8.1"]) {
  test(`a chosen appendonlydir of ${server} opens as one log`, { skip }, async () => {
    await withPage(async (page) => {
      const { keys, files } = told(`${server}/appendonlydir`);
      const [chooser] = await Promise.all([page.waitForEvent("filechooser"), page.click("button:has-text('whole appendonlydir folder')")]);
      await chooser.setFiles(join(data, server, "appendonlydir"));
      await untilRead(page);
      assert.equal(await page.textContent(".file-name"), "appendonlydir");
      assert.match(await page.textContent(".file-facts"), /3 files/);
      await assertKeys(page, keys);
      await toCommands(page);
      const rows = await allRows(page, "command-grid");
      assert.equal(rows.length, 1 + files.reduce((sum, { commands }) => sum + commands.length, 0));
      const wanted = files.flatMap(({ file, offsets }) => offsets.map((offset) => `${/\.(\d+\.incr)\./.exec(file)[1]} ${offset}`));
      assert.deepEqual(rows.slice(1).map(({ part, offset }) => `${part} ${offset.replaceAll(",", "")}`), wanted);
    });
  });
}

test("a dropped folder opens as one log, though it stands in the folder of a server", { skip }, async () => {
  await withPage(async (page) => {
    const server = join(folder, "dropped", "data");
    mkdirSync(server, { recursive: true });
    cpSync(join(data, "redis-8.0/appendonlydir"), join(server, "appendonlydir"), { recursive: true });
    writeFileSync(join(server, "dump.rdb"), dump("redis-8.0/hashes.rdb"));
    const session = await page.context().newCDPSession(page);
    for (const type of ["dragEnter", "dragOver", "drop"]) {
      await session.send("Input.dispatchDragEvent", { type, x: 600, y: 400, data: { items: [], files: [server], dragOperationsMask: 1 } });
    }
    await untilRead(page);
    assert.equal(await page.textContent(".file-name"), "appendonlydir");
    await assertKeys(page, told("redis-8.0/appendonlydir").keys);
  });
});

test("the files of one log may be chosen side by side, with or without the manifest", { skip }, async () => {
  const from = join(data, "valkey-9.1/appendonlydir");
  const { keys } = told("valkey-9.1/appendonlydir");
  for (const names of [["manifest", "3.incr.aof", "2.base.rdb", "2.incr.aof"], ["3.incr.aof", "2.incr.aof", "2.base.rdb"]]) {
    await withPage(async (page) => {
      const [chooser] = await Promise.all([page.waitForEvent("filechooser"), page.keyboard.press("o")]);
      await chooser.setFiles(names.map((name) => join(from, `appendonly.aof.${name}`)));
      await untilRead(page);
      await assertKeys(page, keys);
    });
  }
});

test("a log that lacks a file of its manifest, and a manifest alone, are refused with what to do", { skip }, async () => {
  await withPage(async (page) => {
    const from = join(data, "valkey-9.1/appendonlydir");
    const [chooser] = await Promise.all([page.waitForEvent("filechooser"), page.keyboard.press("o")]);
    await chooser.setFiles(["manifest", "2.base.rdb", "2.incr.aof"].map((name) => join(from, `appendonly.aof.${name}`)));
    await page.waitForSelector(".refusal:not([hidden])");
    assert.match(await page.textContent(".refusal"), /manifest of this log cannot be followed.*expected every file that it lists/i);
    await drop(page, "appendonly.aof.manifest", readFileSync(join(from, "appendonly.aof.manifest")));
    await page.waitForFunction(() => /Open its whole folder/.test(document.querySelector(".refusal").textContent));
  });
});

test("of several snapshots the first is opened, and the status bar says so", { skip }, async () => {
  await withPage(async (page) => {
    const [chooser] = await Promise.all([page.waitForEvent("filechooser"), page.keyboard.press("o")]);
    await chooser.setFiles(["hashes", "sets", "lists"].map((name) => join(data, `valkey-8.1/${name}.rdb`)));
    await untilRead(page);
    assert.match(await page.textContent("#status"), /the first of 3 files/);
  });
});

/** A log with one command made of `args` for each row. */
const log = (...rows) => rows.map((args) => `*${args.length}\r\n${args.map((arg) => `$${Buffer.byteLength(arg)}\r\n${arg}\r\n`).join("")}`).join("");

test("a torn tail is a warning with its byte, and the rest is there", { skip }, async () => {
  await withPage(async (page) => {
    const whole = log(["SELECT", "0"], ["SET", "a", "1"], ["SET", "b", "2"]);
    await drop(page, "torn.aof", `${whole}*3\r\n$3\r\nSET\r\n$1\r\nc`);
    await untilRead(page);
    assert.equal(await page.textContent("#status .strong"), "2 keys");
    assert.match(await page.textContent("#status"), /1 warning/);
    await page.click(".tab:has-text('Findings')");
    assert.match(await page.textContent(".explain-text"), new RegExp(`whole up to byte ${whole.length}.*aof-load-truncated`));
    assert.match(await page.textContent(".findings-summary"), new RegExp(`Bytes not understood18 Bof \\d+ B, \\d+ %.*Nostopped at byte ${whole.length}`));
    await toCommands(page);
    assert.equal((await allRows(page, "command-grid")).length, 3);
  });
});

test("a broken command is an error with its byte, what is in front of it is shown", { skip }, async () => {
  await withPage(async (page) => {
    const whole = log(["SET", "a", "1"]);
    await drop(page, "broken.aof", `${whole}*x\r\n${log(["SET", "b", "2"])}`);
    await page.waitForSelector("#findings:not([hidden]) .finding");
    assert.match(await page.textContent(".finding"), /bad-command/);
    assert.match(await page.textContent(".findings-summary"), new RegExp(`LostUnknown.*Nostopped at byte ${whole.length}`));
    assert.match(await page.textContent(".explain-text"), new RegExp(`\\b${whole.length}\\b`));
    assert.match(await page.textContent(".repaired"), /The commands before it are kept, and those that go on behind it\./);
    await page.click("text=Save a repaired copy…");
    await page.waitForSelector(".repair-facts");
    assert.match(await page.textContent(".repair-facts"), /Commands kept2$/);
    await page.click(".repair button:has-text('Cancel')");
    await page.click(".tab:has-text('Keys')");
    await page.waitForSelector("#row-0:not(.pending)");
    assert.equal(await page.textContent("#row-0 .key"), "a");
    assert.match(await page.textContent("#status"), /1 error/);
  });
});

test("a log whose commands cannot be applied shows them all the same", { skip }, async () => {
  await withPage(async (page) => {
    await drop(page, "unknown.aof", log(["SET", "a", "1"], ["NOSUCHCOMMAND", "a"], ["SET", "b", "2"]));
    await page.waitForSelector("#findings:not([hidden]) .finding");
    assert.match(await page.textContent(".explain-text"), /NOSUCHCOMMAND/);
    await page.click(".tab:has-text('Keys')");
    assert.match(await page.textContent(".table-note"), /commands cannot be applied/);
    await toCommands(page);
    assert.deepEqual((await allRows(page, "command-grid")).map(({ command }) => command), ["SET", "NOSUCHCOMMAND", "SET"]);
  });
});

test("workers that ended are made up for by those that stand by, and the network is asked for nothing", { skip }, async () => {
  await withPage(async (page) => {
    const end = (script) => page.workers().find((worker) => worker.url().endsWith(script)).evaluate(() => self.close()).catch(() => {});
    await end("/file-worker.js");
    await drop(page, "a.aof", log(["SET", "a", "1"]));
    await untilRead(page);
    await end("/worker.js");
    await page.click("text=Read again");
    await untilRead(page);
    assert.equal(await page.textContent("#row-0 .key"), "a");
    // The next one that stands by is asked of the service worker.
    page.record.requests = [];
  });
});

test("commands are found by text, glob, regex and name, by the keyboard alone", { skip }, async () => {
  await withLog("redis-8.0/plain.aof", async (page, { commands }) => {
    await toCommands(page);
    const rows = () => page.getAttribute("#command-grid", "aria-rowcount").then((count) => Number(count) - 1);
    const until = (count) => page.waitForFunction((wanted) => document.getElementById("command-grid").getAttribute("aria-rowcount") === wanted && document.getElementById("command-grid").getAttribute("aria-busy") !== "true", String(count + 1));
    const having = (test) => commands.filter((command) => test(command.map(text))).length;
    await page.keyboard.press("/");
    await page.keyboard.type("STRING");
    await until(having((args) => args.join(" ").toLowerCase().includes("string")));
    assert.match(await page.textContent("#status .strong"), new RegExp(` of ${commands.length} commands$`));
    await page.keyboard.press("Control+.");
    await page.keyboard.press("Control+a");
    await page.keyboard.type("s*");
    await until(having((args) => args.some((arg) => /^s/.test(arg))));
    await page.keyboard.press("Control+.");
    await page.keyboard.press("Control+a");
    await page.keyboard.type("^(SET|RPUSH) ");
    await until(having((args) => /^(SET|RPUSH) /.test(args.join(" "))));
    await page.keyboard.press("Control+a");
    await page.keyboard.type("(");
    await page.waitForSelector("#command-search[aria-invalid=true]");
    await page.keyboard.press("Escape");
    await until(commands.length);
    await page.keyboard.press("ArrowDown");
    assert.equal(await page.evaluate(() => document.activeElement.id), "command-grid");
    await page.click(".chip.name:has-text('SET')");
    await until(having((args) => args[0].toUpperCase() === "SET"));
    await page.keyboard.press("Escape");
    await until(commands.length);
    assert.equal(await rows(), commands.length);
  });
});

test("one command is shown with all its arguments, an argument in full, and Esc goes back step by step", { skip }, async () => {
  await withPage(async (page) => {
    const long = "x".repeat(5000);
    const many = Array.from({ length: 500 }, (_, at) => `member-${at}`);
    await drop(page, "args.aof", log(["SET", "long", long], ["SADD", "many", ...many], ["MULTI"], ["SET", "markup", "<b>\u202e__proto__</b>"], ["EXEC"]));
    await untilRead(page);
    await toCommands(page);
    await page.focus("#command-grid");
    await page.keyboard.press("Enter");
    await page.waitForSelector("#command .el-body .el-row");
    assert.deepEqual(await page.$$eval("#command .el-body .el-row > :nth-child(2)", (cells) => cells.map((cell) => cell.textContent.slice(0, 6))), ["SET", "long", "xxxxxx"]);
    await page.keyboard.press("d");
    await page.keyboard.press("End");
    await page.keyboard.press("Enter");
    await page.waitForSelector("#command .lower:not([hidden]) .line");
    assert.match(await page.textContent("#command .lower"), /4\.88 KiB/);
    await page.keyboard.press("Escape");
    await page.waitForSelector("#command .lower", { state: "hidden" });
    await page.keyboard.press("t");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => /1 – 200 of 502/.test(document.querySelector("#command .pager").textContent));
    await page.keyboard.press("]");
    await page.keyboard.press("]");
    await page.waitForFunction(() => /401 – 502 of 502/.test(document.querySelector("#command .pager").textContent));
    assert.equal(await page.textContent("#command .el-body .el-row:last-child > :nth-child(2)"), "member-499");
    await page.click("#command-3");
    await page.waitForFunction(() => /of 1 command/.test(document.querySelector("#command .detail-facts").textContent));
    await page.waitForFunction(() => document.querySelector("#command .el-body").textContent.includes("<b>\\u202E__proto__</b>"));
    assert.deepEqual(await page.$$eval("#command-grid .td.command.tx", (cells) => cells.map((cell) => cell.textContent)), ["MULTI, transaction 1", "SET, transaction 1", "EXEC, transaction 1"]);
    await page.keyboard.press("Escape");
    await page.waitForSelector("#command .detail-filled", { state: "hidden" });
  });
});

test("a time leads to the first command that was written then or later", { skip }, async () => {
  await withPage(async (page) => {
    const rows = Array.from({ length: 300 }, (_, at) => `#TS:${1_700_000_000 + at * 60}\r\n${log(["SET", `k${at}`, "v"])}`);
    await drop(page, "times.aof", rows.join(""));
    await untilRead(page);
    await toCommands(page);
    await page.click("button:has-text('Go to time')");
    await page.fill("input[type=datetime-local]", new Date((1_700_000_000 + 200 * 60 - 30) * 1000).toISOString().slice(0, 19));
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.getElementById("command-grid").getAttribute("aria-activedescendant") === "command-200");
    await settled(page, "command-grid");
    assert.match(await page.textContent("#command-200 .arguments"), /k200/);
  });
});

test("commands and scripts of a hostile log are text, and nothing of them is asked for", { skip }, async () => {
  await withPage(async (page) => {
    const evil = "<img src=x onerror=alert(1)>";
    await drop(page, "evil.aof", log(["SET", evil, evil], [evil, "a"], ["EVAL", evil, "0"], ["__proto__", "constructor"]));
    await page.waitForSelector("#findings:not([hidden]) .finding");
    await toCommands(page);
    assert.match(await page.textContent("#command-0 .arguments"), /<img src=x onerror=alert\(1\)>/);
    assert.equal(await page.$("img"), null);
  });
});

test("at 390 px commands have two lines, one is a page of its own, and Commands stands in the bar", { skip }, async () => {
  await withLog("redis-8.0/plain.aof", async (page) => {
    const sideways = () => page.evaluate(() => document.getElementById("app").scrollWidth - document.getElementById("app").clientWidth);
    await page.tap(".bottom-tab:has-text('Commands')");
    await settled(page, "command-grid");
    assert.equal(await sideways(), 0);
    assert.equal(await page.evaluate(() => document.getElementById("command-0").offsetHeight), 56);
    assert.deepEqual(await violations(page), []);
    await page.tap("#command-2");
    await page.waitForSelector("#command:not([hidden]) .el-row");
    assert.deepEqual(await violations(page), []);
    await page.goBack();
    await page.waitForSelector("#command", { state: "hidden" });
  }, { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
});
