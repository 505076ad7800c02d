// What a job may use of the gateway: so much a second, with a burst. What is used is known only after it was taken, so there may be debt; it is
// paid before anything else is taken. Pure, in a clock's milliseconds.
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
