// What the budgets of the viewer are about, told by the browser itself.

import { readFileSync } from "node:fs";

/** Before anything of the page runs: notes layout shifts, the time from keys to paint, and when a reader last did something. */
export function watch() {
  const seen = { shift: 0, keys: [], acted: 0, ready: 0, sinceChosen: null };
  window.seen = seen;
  const act = ({ timeStamp }) => { seen.acted = timeStamp; };
  for (const name of ["click", "input"]) addEventListener(name, act, true);
  addEventListener("DOMContentLoaded", () => {
    const observer = new MutationObserver(() => {
      if (!("ready" in document.body.dataset)) return;
      seen.ready = performance.now();
      observer.disconnect();
    });
    observer.observe(document.body, { attributes: true });
  });
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) seen.shift += entry.value;
  }).observe({ type: "layout-shift", buffered: true });
  new PerformanceObserver((list) => seen.keys.push(...list.getEntries().filter((entry) => entry.name === "keydown").map((entry) => entry.duration)))
    .observe({ type: "event", durationThreshold: 16, buffered: true });
  // From a file being chosen to the frame that shows a row of it.
  addEventListener("change", (event) => {
    if (event.target.type !== "file") return;
    const chosen = performance.now();
    const look = () => {
      if (document.querySelector(".row:not([hidden]):not(.pending) .key")) seen.sinceChosen = performance.now() - chosen;
      else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  }, true);
}

/** Milliseconds to first paint, and from there until a file can be dropped. */
export function start(page) {
  return page.evaluate(() => {
    const paint = performance.getEntriesByName("first-contentful-paint")[0].startTime;
    return { paint, ready: window.seen.ready - paint };
  });
}

/**
 * Milliseconds from the click or the text that `act` gives to the page until `isDone` gives the time, in the frame in which all stands.
 * Both are taken in the page: the way of the driver is not in it.
 */
export async function timed(page, act, isDone, ...args) {
  await act();
  const when = await page.waitForFunction(isDone, args, { polling: "raf" });
  return (await when.jsonValue()) - (await page.evaluate(() => window.seen.acted));
}

/** What `during` gives, and the longest task of the page's thread meanwhile: milliseconds by the clock, and of the processor. */
export async function longestTask(browser, page, during) {
  await browser.startTracing(page, { categories: ["toplevel", "__metadata"] });
  let result;
  let trace;
  try {
    result = await during();
  } finally {
    trace = JSON.parse(await browser.stopTracing());
  }
  const named = ({ name, args }) => name === "thread_name" && args.name === "CrRendererMain";
  const threads = new Set(trace.traceEvents.filter(named).map(({ pid, tid }) => `${pid} ${tid}`));
  const tasks = trace.traceEvents.filter(({ name, pid, tid }) => name === "ThreadControllerImpl::RunTask" && threads.has(`${pid} ${tid}`));
  const most = (field) => tasks.reduce((longest, task) => Math.max(longest, task[field] ?? 0), 0) / 1000;
  return { result, wall: most("dur"), cpu: most("tdur") };
}

/** The value below which a share of the values lies. */
export function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted.length === 0 ? 0 : sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)];
}

/** What a notch of a wheel scrolls. */
const NOTCH_PX = 120;

/** Turns the wheel over the table for so many frames; gives the milliseconds between frames. */
export async function scroll(page, frames) {
  const { x, y, width, height } = await page.locator("#grid").boundingBox();
  await page.mouse.move(x + width / 2, y + height / 2);
  let isOver = false;
  const drawn = page.evaluate((count) => new Promise((done) => {
    const gaps = [];
    let last = performance.now();
    const step = (now) => {
      gaps.push(now - last);
      last = now;
      if (gaps.length > count) done(gaps.slice(1));
      else requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }), frames).finally(() => { isOver = true; });
  while (!isOver) await page.mouse.wheel(0, NOTCH_PX);
  return drawn;
}

/** Memory of all pages' processes, in bytes, as Linux counts what is resident; 0 elsewhere. */
export async function residentBytes(browser) {
  if (process.platform !== "linux") return 0;
  return (await renderers(browser)).reduce((sum, { id }) => sum + residentOf(id), 0);
}

/** The processes that pages run in. */
async function renderers(browser) {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  await session.detach();
  return processInfo.filter(({ type }) => type === "renderer");
}

function residentOf(pid) {
  const pages = readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1];
  return Number(pages) * 4096;
}

/** What the page holds when everything unreachable is gone: bytes of the heap, nodes, listeners. */
export async function held(page) {
  const session = await page.context().newCDPSession(page);
  await session.send("HeapProfiler.collectGarbage");
  const { usedSize } = await session.send("Runtime.getHeapUsage");
  const { nodes, jsEventListeners } = await session.send("Memory.getDOMCounters");
  await session.detach();
  return { heapBytes: usedSize, nodes, listeners: jsEventListeners };
}
