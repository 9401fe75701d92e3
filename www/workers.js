// Workers that stand by: started before they are needed, so that nothing is asked of the network when they are.

import { scriptAddress } from "./script-address.js";

/** The number of a question to a worker that stands by; those of its work count from one. */
const ASIDE = -1;

export function newWorker(name) {
  return new Worker(scriptAddress(name), { type: "module" });
}

/** Asks a worker that does nothing else, and has nobody who listens to it. What it still tells of earlier work is passed over. */
export function ask(worker, op, args = {}) {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => {
      if (data.id !== ASIDE) return;
      if (data.error) reject(workerError(data.error));
      else resolve(data.value);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      reject(workerError({ code: "crashed", message: event.message || "The worker did not start." }));
    };
    worker.postMessage({ id: ASIDE, op, args });
  });
}

/**
 * Tells when a worker has ended, whatever the reason: it holds `lock` for as long as it lives, once it has answered to the
 * message that names it.
 */
export function untilEnded(lock, tell) {
  navigator.locks?.request(lock, tell);
}

/** A name for a lock of this page alone. */
export function newLock() {
  return `aikv worker ${performance.timeOrigin} ${Math.random()}`;
}

export function workerError(fields) {
  return Object.assign(new Error(fields.message), fields);
}
