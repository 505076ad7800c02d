// A queue with several writers and one reader, in order of arrival. Writers that can wait do so
// when the reader is far behind.

/** Items that may wait for the reader. */
const room = 1_000;

export class Queue<T> {
  #items: T[] = [];
  #state:
    | { readonly type: 'Open' | 'Ended' }
    | { readonly type: 'Failed'; readonly error: unknown } = { type: 'Open' };
  #wake: (() => void) | undefined;
  readonly #waiting: (() => void)[] = [];

  put(item: T): void {
    this.#items.push(item);
    this.#wake?.();
  }

  end(): void {
    if (this.#state.type === 'Open') this.#state = { type: 'Ended' };
    this.#wake?.();
  }

  fail(error: unknown): void {
    if (this.#state.type === 'Open') this.#state = { type: 'Failed', error };
    this.#wake?.();
  }

  /** Resolves when the reader is not far behind. */
  roomy(): Promise<void> {
    if (this.#items.length < room) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /**
   * Ends when the queue was ended or failed and everything is read, or when the signal is aborted.
   */
  async *items(signal: AbortSignal): AsyncGenerator<T> {
    const aborted = () => this.#wake?.();
    signal.addEventListener('abort', aborted, { once: true });
    try {
      while (!signal.aborted) {
        const batch = this.#items;
        this.#items = [];
        for (const wake of this.#waiting.splice(0)) wake();
        yield* batch;
        if (this.#items.length > 0) continue;
        if (this.#state.type === 'Failed') throw this.#state.error;
        if (this.#state.type === 'Ended' || signal.aborted) return;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      signal.removeEventListener('abort', aborted);
      for (const wake of this.#waiting.splice(0)) wake();
    }
  }
}
