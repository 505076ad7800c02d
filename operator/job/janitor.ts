// Removes from the bus the records of old rounds, and what jobs left that no longer exist: a job
// that was deleted while the bus was away could not do it itself. A job counts as gone when it was
// missing in two passes, because the bus may know of it before our informer does.

import type { Clock } from '../../crds/clock.ts';
import type { JobOnBus } from '../../crds/wire/subjects.ts';
import type { JobBus } from '../bus/job-bus.ts';
import type { Store } from '../runtime/store.ts';
import type { ObservedFineTuneJob } from './observed/fine-tune-job.ts';

interface JanitorFacts {
  readonly jobs: Store<ObservedFineTuneJob, 'uid'>;
  readonly bus: JobBus;
  readonly clock: Clock;
  /** Namespaces that we see; undefined: all. A job elsewhere is not ours to miss. */
  readonly namespaces: readonly string[] | undefined;
  readonly tell: (event: JanitorEvent) => void;
}

export type JanitorEvent =
  | { readonly type: 'Removed'; readonly job: JobOnBus }
  | { readonly type: 'Failed'; readonly job: JobOnBus; readonly error: unknown };

const everyMs = 300_000;

export class Janitor {
  readonly #facts: JanitorFacts;
  #missing = new Set<string>();

  constructor(facts: JanitorFacts) {
    this.#facts = facts;
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#facts.clock.sleep(everyMs, signal).catch(() => undefined);
      if (!signal.aborted) await this.round(signal);
    }
  }

  async round(signal: AbortSignal): Promise<void> {
    const { bus, jobs, namespaces, tell } = this.#facts;
    await bus.prune(signal).catch(() => undefined); // there is another round
    const missing = new Set<string>();
    for (const job of bus.jobs()) {
      const ours = namespaces === undefined || namespaces.includes(job.namespace);
      if (!ours || jobs.by('uid', job.uid).length > 0) continue;
      if (!this.#missing.has(job.uid)) {
        missing.add(job.uid);
        continue;
      }
      try {
        await bus.purge(job, signal);
        tell({ type: 'Removed', job });
      } catch (error) {
        if (signal.aborted) return;
        missing.add(job.uid);
        tell({ type: 'Failed', job, error });
      }
    }
    this.#missing = missing;
  }
}
