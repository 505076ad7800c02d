// Messages on their way to the bus. Bounded in bytes: when the bus is away for long, the oldest go
// and are counted, and whoever says something never waits. A message keeps its id, so one whose
// answer was lost may be sent again.
import type { StreamName } from '../../crds/wire/subjects.ts';

export interface Parcel {
  readonly stream: StreamName;
  readonly id: string;
  readonly value: Uint8Array;
}

/** What a message costs beside its bytes. */
const overheadBytes = 288;

export class Outbox {
  readonly #limit: number;
  readonly #parcels: Parcel[] = [];
  #bytes = 0;
  #dropped = 0;
  #filled: PromiseWithResolvers<void> | undefined;

  constructor(limitBytes: number) {
    this.#limit = limitBytes;
  }

  get size(): number {
    return this.#parcels.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** How many were given up since the start. */
  get dropped(): number {
    return this.#dropped;
  }

  put(parcel: Parcel): void {
    this.#parcels.push(parcel);
    this.#bytes += costOf(parcel);
    while (this.#bytes > this.#limit && this.#parcels.length > 1) {
      this.#shift();
      this.#dropped += 1;
    }
    this.#filled?.resolve();
    this.#filled = undefined;
  }

  /** The oldest, which stay until they are settled. */
  peek(count: number): readonly Parcel[] {
    return this.#parcels.slice(0, count);
  }

  /** Removes those of `sent` that are still here: some may have been dropped meanwhile. */
  settle(sent: readonly Parcel[]): void {
    const gone = new Set(sent);
    while (this.#parcels[0] !== undefined && gone.has(this.#parcels[0])) this.#shift();
  }

  /** Resolves when there is something to send. */
  filled(): Promise<void> {
    if (this.#parcels.length > 0) return Promise.resolve();
    this.#filled ??= Promise.withResolvers<void>();
    return this.#filled.promise;
  }

  #shift(): void {
    const parcel = this.#parcels.shift();
    if (parcel !== undefined) this.#bytes -= costOf(parcel);
  }
}

function costOf({ value }: Parcel): number {
  return value.length + overheadBytes;
}
