// Scrolling through a list that may be longer than a browser can make an element: what `Geometry` needs to be told, and
// the wheel, which moves by exact pixels there.

const REST_MS = 150;

/**
 * `scroller()` gives what scrolls, `above()` the px of it above the first row; `paint` draws the rows in sight.
 * The wheel is taken over on `grid` alone: what scrolls with the page is left to the browser.
 */
export function scrolling({ geometry, grid, scroller, above, paint }) {
  let restTimer = null;
  let isExact = false;

  function rest() {
    scroller().scrollTop = geometry.rest() + above();
  }

  function onWheel(event) {
    if (event.ctrlKey || event.deltaY === 0) return;
    event.preventDefault();
    const unit = [1, geometry.rowHeight, geometry.viewport][event.deltaMode];
    scroller().scrollTop = geometry.moveTo(geometry.top + event.deltaY * unit) + above();
    paint();
  }

  return {
    /** The reader has scrolled. */
    scrolled() {
      const at = Math.max(0, scroller().scrollTop - above());
      geometry.scrolled(at);
      if (geometry.stuck(at)) rest();
      paint();
      clearTimeout(restTimer);
      if (geometry.scaled) restTimer = setTimeout(() => {
        rest();
        paint();
      }, REST_MS);
    },
    /** The list has another length, or another scroller. */
    measured() {
      const wanted = geometry.scaled && scroller() === grid;
      if (wanted === isExact) return;
      isExact = wanted;
      if (wanted) grid.addEventListener("wheel", onWheel, { passive: false });
      else grid.removeEventListener("wheel", onWheel);
    },
  };
}
