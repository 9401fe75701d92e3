// A worker's end of telling that it lives.

/** Holds a lock that ends with this worker, so that the page learns of that whatever the reason. */
export function hold(lock) {
  return new Promise((held) => {
    if (!navigator.locks) return held();
    return navigator.locks.request(lock, () => {
      held();
      return new Promise(() => {});
    });
  });
}
