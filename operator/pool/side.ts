// What the operator does for pools: informers that every replica runs, and the work that only the
// leader does.
import type { Clock } from '../../crds/clock.ts';
import { poolAnswer, poolPath, poolPort } from '../../crds/wire/pool.ts';
import type { ObservedFineTuneJob } from '../job/observed/fine-tune-job.ts';
import type { PodSettings } from '../objects/settings.ts';
import { PodAsker } from '../runtime/ask-pod.ts';
import type { KubeClient } from '../runtime/client.ts';
import { type KindObserver, KindWork } from '../runtime/kind-work.ts';
import type { Random } from '../runtime/random.ts';
import { type GroupFacts, untilSynced } from '../runtime/reflector-group.ts';
import { keyOf } from '../runtime/resource.ts';
import type { Store } from '../runtime/store.ts';
import { type PoolInformers, poolInformers } from './informers.ts';
import type { ObservedPool } from './observed.ts';
import { type AskPool, PoolReconciler } from './reconcile.ts';
import { ToldProgress } from './told-progress.ts';

interface SideFacts {
  readonly config: {
    readonly pods: PodSettings;
    readonly reconcilers: number;
    readonly lease: { readonly namespace: string };
  };
  readonly clients: { readonly work: KubeClient };
  readonly clock: Clock;
  readonly random: Random;
}

/** Of the informers of jobs, which read both. */
interface Followed {
  readonly jobs: Store<ObservedFineTuneJob, 'pool'>;
  readonly pools: Store<ObservedPool>;
  /** Resolves when both are complete. */
  readonly synced: Promise<unknown>;
}

export class PoolSide {
  readonly informers: PoolInformers;
  readonly progress = new ToldProgress();
  readonly #facts: SideFacts;
  readonly #work: KindWork<'trainingpool'>;
  #followed: Followed | undefined;

  constructor(
    facts: SideFacts,
    observer: KindObserver<'trainingpool'>,
    following: Omit<GroupFacts, 'changed'>,
  ) {
    this.#facts = facts;
    this.#work = new KindWork('trainingpool', facts, observer);
    this.informers = poolInformers({ ...following, changed: (key) => this.#work.add(key) });
  }

  /** A job that comes, goes or gets on concerns its pool. */
  follow(followed: Followed): void {
    this.#followed = followed;
    followed.pools.subscribe(({ object }) => this.#work.add(keyOf(object)));
    followed.jobs.subscribe(({ object: { metadata, spec } }) => {
      if (spec?.packing !== undefined) this.#work.add(`${metadata.namespace}/${spec.packing.pool}`);
    });
  }

  async lead(leading: AbortSignal): Promise<void> {
    const { config, clients, clock } = this.#facts;
    const { stores, synced } = this.informers;
    const followed = this.#followed;
    if (followed === undefined) return;
    const { jobs, pools } = followed;
    if (!(await untilSynced(Promise.all([synced, followed.synced]), leading))) return;
    await using asker = new PodAsker();
    const question = { port: poolPort, path: poolPath, answer: poolAnswer };
    const ask: AskPool = (address, signal) => asker.ask(address, question, signal);
    const reconciler = new PoolReconciler({
      ...{ stores, jobs, pools, client: clients.work, settings: config.pods, clock, ask },
      ...{ operatorNamespace: config.lease.namespace, progress: this.progress },
    });
    await this.#work.lead(
      pools.keys(),
      {
        workers: config.reconcilers,
        reconcile: (key, signal) => reconciler.reconcile(key, signal),
      },
      leading,
    );
  }
}
