// Which pages of the cache are free. A page has room for the keys and values of some tokens in all
// blocks; page 0 holds zeros and belongs to nobody.
import { Bug } from '../../crds/failures/errors.ts';

export class Pages {
  /** How many can be taken in all. */
  readonly total: number;
  /** Those behind this one were never taken. */
  #fresh = 1;
  readonly #given: number[] = [];
  readonly #taken = new Set<number>();

  constructor(total: number) {
    this.total = total;
  }

  get free(): number {
    return this.total - this.#taken.size;
  }

  take(): number {
    if (this.free === 0) throw new Bug(`all ${this.total} pages of the cache are taken`);
    const page = this.#given.pop() ?? this.#fresh++;
    this.#taken.add(page);
    return page;
  }

  give(pages: Iterable<number>): void {
    for (const page of pages) {
      if (!this.#taken.delete(page)) throw new Bug(`page ${page} of the cache is not taken`);
      this.#given.push(page);
    }
  }
}
