// Objects of a WebAssembly module, which are given back when they are no longer needed.

/** The items that `work` gives of `object`, which is given back behind them. */
async function* lentItems(object, work) {
  let isBroken = false;
  try {
    yield* work(object);
  } catch (error) {
    isBroken = hasStopped(error);
    throw error;
  } finally {
    if (!isBroken) object.free();
  }
}

/** What `work` comes to with `object`, which is given back then. */
async function lent(object, work) {
  let isBroken = false;
  try {
    return await work(object);
  } catch (error) {
    isBroken = hasStopped(error);
    throw error;
  } finally {
    if (!isBroken) object.free();
  }
}

/** An instance that has stopped takes nothing back: what it says of that would hide why it has. */
function hasStopped(error) {
  return error instanceof WebAssembly.RuntimeError;
}

export { hasStopped, lent, lentItems };
