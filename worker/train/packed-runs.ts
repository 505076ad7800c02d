// What runs that train in one process have in common: frozen tensors of their base, turns, and the
// memory of the process, of which each run knows its part.
import { setImmediate } from 'node:timers/promises';
import { type PlannedRun, packedPeak } from '../../crds/plan/packing.ts';
import type { SharedBase } from '../engine/shared-base.ts';

interface Asking {
  readonly stop: AbortSignal;
  /** Called where the run has to wait, again where it waits for something else. */
  readonly onWait: (message: string) => void;
}

export class PackedRuns {
  readonly base: SharedBase;
  /** Runs that are expected at one time: each leaves memory for what the others keep. */
  readonly expected: number;
  /** Whether a run waits until its memory is there; otherwise all begin at once. */
  readonly #waits: boolean;
  readonly #present = new Set<PackedRun>();
  readonly #free = new Map<Memory, number>();
  #most = 0;
  #peak = 0;
  #left = Promise.withResolvers<void>();
  #turns: Promise<void> = Promise.resolve();

  constructor(base: SharedBase, expected: number, waits = false) {
    this.base = base;
    this.expected = expected;
    this.#waits = waits;
  }

  enter(): PackedRun {
    const run = new PackedRun(this);
    this.#present.add(run);
    this.#most = Math.max(this.#most, this.#present.size);
    return run;
  }

  leave(run: PackedRun): void {
    this.#present.delete(run);
    this.#left.resolve();
    this.#left = Promise.withResolvers<void>();
  }

  get isEmpty(): boolean {
    return this.#present.size === 0;
  }

  /** Runs at one time at most. */
  get count(): number {
    return this.#most;
  }

  /** Bytes of the process at most, by the plans of the runs at one time. */
  get peak(): number {
    return this.#peak;
  }

  /** What was free before the first run took any: base and runs are in what is used since. */
  freeWhenEmpty(memory: Memory, now: number): number {
    const free = this.#free.get(memory) ?? now;
    this.#free.set(memory, free);
    return free;
  }

  /** Those that came before go first, whatever they need. */
  async admit(run: PackedRun, planned: PlannedRun, { stop, onWait }: Asking): Promise<void> {
    run.asked = planned;
    for (let told: string | undefined; ; ) {
      const why = this.#waits ? this.#whyNot(run, planned) : undefined;
      if (why === undefined) break;
      if (why !== told) onWait(why);
      told = why;
      await leftOr(stop, this.#left.promise);
    }
    run.planned = planned;
    const all = [...this.#present].flatMap((one) => one.planned ?? []);
    this.#peak = Math.max(this.#peak, packedPeak(all));
  }

  #whyNot(run: PackedRun, planned: PlannedRun): string | undefined {
    const others = [...this.#present].filter((one) => one !== run);
    const before = [...this.#present].slice(0, [...this.#present].indexOf(run));
    const first = before.find((one) => one.asked !== undefined && one.planned === undefined);
    const peak = packedPeak([planned, ...others.flatMap((one) => one.planned ?? [])]);
    const limit = this.#free.get('device') ?? this.#free.get('host') ?? Infinity;
    if (first === undefined && peak <= limit) return undefined;
    const busy = others.filter((one) => one.planned !== undefined).length;
    const beside = busy === 0 ? '' : ` with ${busy === 1 ? 'the run' : `the ${busy} runs`} there`;
    if (peak > limit) {
      return `the process would need ${gib(peak)}${beside} by the memory plans, and has ${gib(limit)}`;
    }
    return 'a run that came before waits for memory; they begin in the order in which they came';
  }

  /**
   * Resolves after the turns that were asked for before. Between two steps, of whatever runs, what
   * waits for the system gets on: a checkpoint is written while as many steps are computed as it
   * would be of a run alone.
   */
  turn(): Promise<void> {
    this.#turns = this.#turns.then(() => setImmediate());
    return this.#turns;
  }
}

/** One of them, until it leaves. */
export class PackedRun implements Disposable {
  readonly all: PackedRuns;
  /** By its plan; before it may begin. */
  asked: PlannedRun | undefined;
  planned: PlannedRun | undefined;

  constructor(all: PackedRuns) {
    this.all = all;
  }

  /** Resolves when the run may allocate what it planned. */
  admitted(planned: PlannedRun, asking: Asking): Promise<void> {
    return this.all.admit(this, planned, asking);
  }

  [Symbol.dispose](): void {
    this.all.leave(this);
  }
}

type Memory = 'host' | 'device';

function gib(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(2)} GiB`;
}

async function leftOr(stop: AbortSignal, left: Promise<void>): Promise<void> {
  stop.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  const end = () => reject(stop.reason);
  stop.addEventListener('abort', end, { once: true });
  try {
    await Promise.race([left, promise]);
  } finally {
    stop.removeEventListener('abort', end);
  }
}
