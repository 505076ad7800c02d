// What runs that train in one process have in common: frozen tensors of their base, and a plan of
// memory of which each run knows its part.
import { setImmediate } from 'node:timers/promises';
import { packedPeak } from '../../crds/plan/packing.ts';
import type { SharedBase } from '../engine/shared-base.ts';

interface PlannedRun {
  /** By its plan, alone. */
  readonly peak: number;
  /** Of that, what it keeps between two of its steps beside the base. */
  readonly kept: number;
}

export class PackedRuns {
  readonly base: SharedBase;
  /** Runs that the process was started with. */
  readonly count: number;
  readonly #planned: PlannedRun[] = [];
  #turns: Promise<void> = Promise.resolve();

  constructor(base: SharedBase, count: number) {
    this.base = base;
    this.count = count;
  }

  /** Says what a run needs; before it allocates anything. */
  plan(run: PlannedRun): void {
    this.#planned.push(run);
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

  /** Of the process, by the plans of all runs that said theirs. */
  get peak(): number {
    return packedPeak(this.#planned);
  }
}
