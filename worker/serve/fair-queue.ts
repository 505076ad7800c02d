// Who is served next: the model whose requests had the least work so far (virtual token counters).
// Work is tokens, of which those that are made count double. A model that comes back after a pause
// gets no credit for it: its counter is lifted to the least of those that are busy.

interface Waiting<T> {
  readonly model: string;
  readonly item: T;
}

const workOf = { read: 1, made: 2 } as const;

export class FairQueue<T> {
  readonly #work = new Map<string, number>();
  #waiting: readonly Waiting<T>[] = [];
  /** How many requests of a model wait or are served. */
  readonly #busy = new Map<string, number>();

  get length(): number {
    return this.#waiting.length;
  }

  /** Work of a model so far. */
  workOf(model: string): number {
    return this.#work.get(model) ?? 0;
  }

  add(model: string, item: T): void {
    if ((this.#busy.get(model) ?? 0) === 0) {
      const others = [...this.#busy.keys()].map((one) => this.workOf(one));
      const least = others.length === 0 ? 0 : Math.min(...others);
      this.#work.set(model, Math.max(this.workOf(model), least));
    }
    this.#busy.set(model, (this.#busy.get(model) ?? 0) + 1);
    this.#waiting = [...this.#waiting, { model, item }];
  }

  /** The first request of the model with the least work; it stays until it is taken. */
  get next(): T | undefined {
    return this.#first?.item;
  }

  /** Takes the next one out, and charges what it reads. */
  take(read: number): void {
    const first = this.#first;
    if (first === undefined) return;
    this.#waiting = this.#waiting.filter((one) => one !== first);
    this.#charge(first.model, workOf.read * read);
  }

  /** Of requests that were taken. */
  made(model: string, tokens: number): void {
    this.#charge(model, workOf.made * tokens);
  }

  /** A request of the model that was taken is over. */
  end(model: string): void {
    const left = (this.#busy.get(model) ?? 0) - 1;
    if (left > 0) this.#busy.set(model, left);
    else this.#busy.delete(model);
  }

  /** Takes a waiting one out that goes away; false where it does not wait. */
  drop(item: T): boolean {
    const found = this.#waiting.find((one) => one.item === item);
    if (found === undefined) return false;
    this.#waiting = this.#waiting.filter((one) => one !== found);
    this.end(found.model);
    return true;
  }

  get #first(): Waiting<T> | undefined {
    return this.#waiting.reduce<Waiting<T> | undefined>(
      (best, one) =>
        best === undefined || this.workOf(one.model) < this.workOf(best.model) ? one : best,
      undefined,
    );
  }

  #charge(model: string, work: number): void {
    this.#work.set(model, this.workOf(model) + work);
  }
}
