// Token bucket of a job at the gateway: a rate with a burst. The cost of a request is known only
// after it was served, so the balance may be negative; it is positive again before the next request
// is served. Pure, in milliseconds of a clock.
export interface CreditSettings {
  readonly perSecond: number;
  readonly burst: number;
}

export class Credit {
  readonly #settings: CreditSettings;
  #left: number;
  #at: number;

  constructor(settings: CreditSettings, nowMs: number) {
    this.#settings = settings;
    this.#left = settings.burst;
    this.#at = nowMs;
  }

  /** Below zero: a debt. */
  left(nowMs: number): number {
    const { perSecond, burst } = this.#settings;
    const grown = (Math.max(0, nowMs - this.#at) / 1000) * perSecond;
    this.#left = Math.min(burst, this.#left + grown);
    this.#at = Math.max(this.#at, nowMs);
    return this.#left;
  }

  spend(amount: number): void {
    this.#left -= amount;
  }
}
