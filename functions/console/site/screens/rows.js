// The rows of a long table that are in view, with some around them: only these are in the page. The others are as high as
// these, so nothing moves while one scrolls.

/** The number of rows above and below the view that are in the page. */
const AROUND = 12;
/** The height of a row until one is seen, in pixels. */
const FIRST_HEIGHT = 45;
/** The number of rows in the page before anything is seen. */
const FIRST_ROWS = 40;

/** Follows the scrolling of a table whose rows are in `tbody.rows`. */
export class RowsInView {
  #first = 0;
  #last = FIRST_ROWS;
  #height = FIRST_HEIGHT;
  #length = 0;
  #isLoading = false;

  /**
   * @param {import('../scripts/router.js').Visit} visit
   * @param {() => Promise<void>} loadMore  loads what follows; called when the end comes near
   */
  constructor(visit, loadMore) {
    this.visit = visit;
    this.loadMore = loadMore;
    const follow = () => this.#follow();
    addEventListener('scroll', follow, { passive: true, signal: visit.signal });
    addEventListener('resize', follow, { passive: true, signal: visit.signal });
  }

  /**
   * The rows of `entries` that are in the page, and the heights of what is above and below them.
   * @template T
   * @param {T[]} entries
   */
  of(entries) {
    this.#length = entries.length;
    const last = Math.min(this.#last, entries.length);
    const first = Math.min(this.#first, last);
    return {
      before: first * this.#height,
      shown: entries.slice(first, last).map((entry, index) => ({ entry, index: first + index })),
      after: (entries.length - last) * this.#height,
    };
  }

  #follow() {
    const body = document.querySelector('tbody.rows');
    if (!body) return;
    const row = body.querySelector('tr:not(.space)');
    if (row) this.#height = row.getBoundingClientRect().height;
    const above = Math.max(0, -body.getBoundingClientRect().top);
    const first = Math.max(0, Math.floor(above / this.#height) - AROUND);
    const last = Math.ceil((above + innerHeight) / this.#height) + AROUND;
    if (Math.abs(first - this.#first) >= AROUND / 2 || last > this.#last || last < this.#last - 2 * AROUND) {
      this.#first = first;
      this.#last = last + AROUND / 2;
      this.visit.show();
    }
    if (last >= this.#length && !this.#isLoading) void this.#more();
  }

  async #more() {
    this.#isLoading = true;
    await this.loadMore();
    this.#isLoading = false;
  }
}
