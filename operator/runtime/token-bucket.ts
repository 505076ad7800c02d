// So many a second, with a burst. Counts in a clock's milliseconds, so a test can move it.
interface BucketSettings {
  readonly perSecond: number;
  readonly burst: number;
}

export class TokenBucket {
  readonly #settings: BucketSettings;
  #tokens: number;
  #at: number;

  constructor(settings: BucketSettings, nowMs: number) {
    this.#settings = settings;
    this.#tokens = settings.burst;
    this.#at = nowMs;
  }

  /** Takes one, going into debt where none is left; the milliseconds until it is really there. */
  reserve(nowMs: number): number {
    this.#fill(nowMs);
    this.#tokens -= 1;
    return this.#tokens >= 0 ? 0 : (-this.#tokens / this.#settings.perSecond) * 1000;
  }

  /** Takes one where one is left. */
  take(nowMs: number): boolean {
    this.#fill(nowMs);
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** A bucket that is full again says nothing more than a new one. */
  isFull(nowMs: number): boolean {
    this.#fill(nowMs);
    return this.#tokens >= this.#settings.burst;
  }

  #fill(nowMs: number): void {
    const { perSecond, burst } = this.#settings;
    const grown = (Math.max(0, nowMs - this.#at) / 1000) * perSecond;
    this.#tokens = Math.min(burst, this.#tokens + grown);
    this.#at = Math.max(this.#at, nowMs);
  }
}
