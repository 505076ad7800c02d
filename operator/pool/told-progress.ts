// What pods of pools told last of each job's steps. It is not in the status of a pool: whoever
// leads asks again within seconds.
import type { ToldJob } from '../../crds/wire/pool.ts';
import type { BusProgress } from '../bus/job-bus.ts';

export class ToldProgress {
  readonly #byPool = new Map<string, ReadonlyMap<string, BusProgress>>();

  note(pool: string, told: readonly ToldJob[]): void {
    const known = told.flatMap(({ uid, step, evaluation }) =>
      step === undefined ? [] : [[uid, { step, evaluation, stage: undefined }] as const],
    );
    this.#byPool.set(pool, new Map(known));
  }

  forget(pool: string): void {
    this.#byPool.delete(pool);
  }

  of(uid: string): BusProgress | undefined {
    for (const jobs of this.#byPool.values()) {
      const found = jobs.get(uid);
      if (found !== undefined) return found;
    }
    return undefined;
  }
}
