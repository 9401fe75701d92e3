// What the budgets of the viewer are about, told by the browser itself.

import { readFileSync } from "node:fs";

/** Before anything of the page runs: notes long tasks, layout shifts and the time from keys to paint. */
export function watch() {
  const seen = { tasks: [], shift: 0, keys: [], sinceChosen: null };
  window.seen = seen;
  new PerformanceObserver((list) => seen.tasks.push(...list.getEntries().map((entry) => entry.duration))).observe({ type: "longtask", buffered: true });
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

/** Milliseconds to first paint. */
export function firstPaint(page) {
  return page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? NaN);
}

/** Milliseconds from `act` until `isDone` holds in the page and the frame behind it was drawn. */
export async function timed(page, act, isDone, ...args) {
  const start = performance.now();
  await act();
  await page.waitForFunction(isDone, args, { polling: "raf", timeout: 0 });
  return performance.now() - start;
}

/** The value below which a share of the values lies. */
export function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted.length === 0 ? 0 : sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)];
}

/** Scrolls for so many frames; gives the milliseconds between frames. */
export function scroll(page, frames) {
  return page.evaluate((count) => new Promise((done) => {
    const body = document.querySelector("#grid .grid-body") ?? document.getElementById("grid");
    const gaps = [];
    let last = performance.now();
    const step = (now) => {
      gaps.push(now - last);
      last = now;
      if (gaps.length > count) return done(gaps.slice(1));
      body.dispatchEvent(new WheelEvent("wheel", { deltaY: 400, bubbles: true, cancelable: true }));
      requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }), frames);
}

/** Memory of all pages' processes, in bytes, as Linux counts what is resident; 0 elsewhere. */
export async function residentBytes(browser) {
  if (process.platform !== "linux") return 0;
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  await session.detach();
  const pages = processInfo.filter(({ type }) => type === "renderer");
  return pages.reduce((sum, { id }) => sum + residentOf(id), 0);
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
