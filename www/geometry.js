// Scroll positions of a list that may be longer than a browser can make an element. Up to MAX_PX rows
// stand where they are. Beyond, the thumb maps in proportion, while wheel, touch and keys move by exact
// pixels; when the scroller rests, the thumb is put back to its proportional place.

const MAX_PX = 8_000_000;

export class Geometry {
  rows = 0;
  rowHeight = 28;
  viewport = 0;
  /** Virtual px above the visible part. */
  top = 0;
  #last = 0;

  get full() {
    return this.rows * this.rowHeight;
  }

  get height() {
    return Math.min(this.full, MAX_PX);
  }

  get scaled() {
    return this.full > MAX_PX;
  }

  get #ratio() {
    return (this.full - this.viewport) / (this.height - this.viewport);
  }

  get #most() {
    return Math.max(0, this.full - this.viewport);
  }

  /** The reader scrolled; short ways are exact, long ones (the thumb) in proportion. */
  scrolled(scrollTop) {
    if (!this.scaled) {
      this.top = scrollTop;
    } else {
      const way = scrollTop - this.#last;
      this.top = Math.abs(way) <= this.viewport ? this.top + way : scrollTop * this.#ratio;
      this.top = Math.max(0, Math.min(this.#most, this.top));
    }
    this.#last = scrollTop;
  }

  /** Moves to virtual px `top`; the result is what `scrollTop` must become. */
  moveTo(top) {
    this.top = Math.max(0, Math.min(this.#most, top));
    return this.rest();
  }

  /** The `scrollTop` that stands for where we are. */
  rest() {
    this.#last = this.scaled ? Math.round(this.top / this.#ratio) : this.top;
    return this.#last;
  }

  /** Exact scrolling ran into the scroller's end before the list's: the thumb must be put back now. */
  stuck(scrollTop) {
    if (!this.scaled) return false;
    const end = this.height - this.viewport;
    return (scrollTop <= 0 && this.top >= this.#ratio) || (scrollTop >= end && this.top <= this.#most - this.#ratio);
  }

  /** Where row `index` is drawn inside an element of `height` px that is scrolled to `scrollTop`. */
  place(index, scrollTop) {
    return this.scaled ? index * this.rowHeight - this.top + scrollTop : index * this.rowHeight;
  }

  /** First and last row in sight, with `spare` on both sides. */
  range(spare) {
    const first = Math.floor(this.top / this.rowHeight) - spare;
    const last = Math.ceil((this.top + this.viewport) / this.rowHeight) + spare;
    return [Math.max(0, first), Math.min(this.rows, last)];
  }
}
