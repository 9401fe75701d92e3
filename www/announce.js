// Messages for screen readers: one polite and one assertive region, at most one message in two seconds
// each, the newest wins.

const QUIET_MS = 2000;

export function announcer(politeRegion, assertiveRegion) {
  const polite = channel(politeRegion);
  const assertive = channel(assertiveRegion);
  return { say: polite, alert: assertive };
}

function channel(region) {
  let next = null;
  let timer = null;
  const speak = () => {
    region.textContent = next;
    next = null;
    timer = setTimeout(() => {
      timer = null;
      if (next !== null) speak();
    }, QUIET_MS);
  };
  return (message) => {
    next = message;
    if (timer === null) speak();
  };
}
