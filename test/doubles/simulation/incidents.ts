// What was done to a simulated job and what its trainers came to, from the outside: whether anybody
// had a reason to charge the job for a new round, or to open one that is not charged.

/** A fault is dealt with by the round it befell; a disruption may be by the one after the next. */
const disruptionMs = 120_000;
/** Three missed heartbeats, less the second between two looks. */
const silenceMs = 9_000;
/** All are there and cannot agree. */
const agreementMs = 300_000;

interface Incident {
  readonly what: string;
  /** From when on it can be noticed. */
  readonly at: number;
  /** That it befell; 0 for a pod that had not joined any. */
  readonly round: number;
}

/** A round and who judges it. */
export interface Judged {
  readonly round: number;
  readonly openedAt: number;
  readonly hasWorld: boolean;
  /** Workers know of trainers and of each other, the operator of pods. */
  readonly by: 'operator' | 'workers';
}

export class Incidents {
  readonly #now: () => number;
  readonly #trainers: Incident[] = [];
  readonly #pods: Incident[] = [];
  readonly #disruptions: Incident[] = [];
  #resizedAt = Number.NEGATIVE_INFINITY;
  /** Workers that are asked for. */
  wanted = Number.NaN;

  constructor(now: () => number) {
    this.#now = now;
  }

  trainerEnded(code: string, round: number): void {
    this.#trainers.push({ what: code, at: this.#now(), round });
  }

  /** The others hear nothing of it any more. */
  silent(round: number): void {
    this.#trainers.push({ what: 'not heard', at: this.#now() + silenceMs, round });
  }

  /** With a code that is the fault of the job. */
  podEnded(code: number, round: number): void {
    this.#pods.push({ what: `ended with ${code}`, at: this.#now(), round });
  }

  disruption(what: string): void {
    this.#disruptions.push({ what, at: this.#now(), round: 0 });
  }

  resized(replicas: number): void {
    this.wanted = replicas;
    this.#resizedAt = this.#now();
  }

  mayCharge({ round, openedAt, hasWorld, by }: Judged): boolean {
    const now = this.#now();
    if (by === 'workers')
      return this.#trainers.some((each) => each.round === round && each.at <= now);
    const isLate = !hasWorld && now >= openedAt + agreementMs;
    const befell = (each: Incident) =>
      each.round === round || (each.round === 0 && each.at >= openedAt);
    return isLate || this.#pods.some(befell);
  }

  isCorrupted({ round }: Judged): boolean {
    return this.#trainers.some(
      (each) => each.what === 'E_CHECKPOINT_CORRUPTED' && each.round === round,
    );
  }

  /** Whether something was done to the pods of it that is not the fault of the job. */
  isDisturbed({ openedAt }: Pick<Judged, 'openedAt'>): boolean {
    const from = Math.min(openedAt, this.#now() - disruptionMs);
    return this.#disruptions.some(({ at }) => at >= from) || this.#resizedAt >= from;
  }

  /**
   * Another size may have to wait for pods and for a save; and a world that went on with fewer
   * grows again.
   */
  mayResize(size: number | undefined): boolean {
    return this.#resizedAt > Number.NEGATIVE_INFINITY || size !== this.wanted;
  }

  words(): string {
    const last = (incidents: readonly Incident[]) =>
      incidents
        .slice(-4)
        .map(({ what, at, round }) => `${what} ${this.#ago(at)} s ago (${round})`)
        .join(', ') || 'none';
    return `trainers: ${last(this.#trainers)}; pods: ${last(this.#pods)}; disruptions: ${last(this.#disruptions)}`;
  }

  #ago(at: number): number {
    return (this.#now() - at) / 1000;
  }
}
