// One pass over one pool: which jobs ask for it, what its pod says, what to write.
import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../../crds/clock.ts';
import { fieldManager, label, poolComponent } from '../../crds/names/labels.ts';
import type { PoolList } from '../../crds/wire/pool.ts';
import { type BatchJob, batchJobs } from '../job/observed/batch-job.ts';
import { networkPolicies } from '../job/observed/child-object.ts';
import { fineTuneJobs, type ObservedFineTuneJob } from '../job/observed/fine-tune-job.ts';
import type { Pod } from '../job/observed/pod.ts';
import { ensureList } from '../objects/list-map.ts';
import type { PodSettings } from '../objects/settings.ts';
import { isStatus } from '../runtime/api-error.ts';
import type { KubeClient } from '../runtime/client.ts';
import type { Reconciled } from '../runtime/controller.ts';
import { type Actor, ensureContent, ensureMade, removeAfterChildren } from '../runtime/ensure.ts';
import { Expectations } from '../runtime/expectations.ts';
import { catchUpMs } from '../runtime/pauses.ts';
import { Refusals } from '../runtime/refusals.ts';
import { RefusedCall } from '../runtime/refused-call.ts';
import type { Store } from '../runtime/store.ts';
import { isNewest, writeStatus } from '../runtime/write-status.ts';
import { askingOf } from './asking.ts';
import { decidePool, type PoolFacts, type PoolStep } from './decide.ts';
import type { PoolStores } from './informers.ts';
import { type BuiltPool, jobFor, listFor, policyFor } from './objects.ts';
import { type ObservedPool, trainingPools } from './observed.ts';
import type { ToldProgress } from './told-progress.ts';

/** Undefined where the pod does not answer, or answers something else. */
export type AskPool = (address: string, signal: AbortSignal) => Promise<PoolFacts['told']>;

interface ReconcilerFacts {
  readonly stores: PoolStores;
  readonly pools: Store<ObservedPool>;
  readonly jobs: Store<ObservedFineTuneJob, 'pool'>;
  readonly client: KubeClient;
  readonly settings: PodSettings;
  /** Whose pods may ask. */
  readonly operatorNamespace: string;
  readonly clock: Clock;
  readonly ask: AskPool;
  readonly progress: ToldProgress;
}

const busyMs = 3_000;

export class PoolReconciler {
  readonly #facts: ReconcilerFacts;
  readonly #expectations = new Expectations();
  readonly #refusals = new Refusals();

  constructor(facts: ReconcilerFacts) {
    this.#facts = facts;
  }

  async reconcile(key: string, signal: AbortSignal): Promise<Reconciled> {
    const { pools, clock, client, progress } = this.#facts;
    const pool = pools.get(key);
    // What it owned is collected by the API server.
    if (pool === undefined || pool.metadata.deletionTimestamp !== undefined) {
      this.#expectations.forget(key);
      this.#refusals.forget(key);
      progress.forget(key);
      return {};
    }
    if (!this.#expectations.areMet(key, clock.now())) return { requeueAfterMs: catchUpMs };
    const facts = await this.#observe(key, pool, signal);
    const { built, list, step, status, joining } = decidePool(facts);
    if (!(await isNewest(client, trainingPools, pool, signal))) {
      return { requeueAfterMs: catchUpMs };
    }
    if (!(await this.#doAsk(key, joining, signal))) return { requeueAfterMs: catchUpMs };
    // A job that is told to be let go is on no list that a pod begins with.
    const listed = built && (await this.#refusalOf(this.#list(built, list, signal)));
    if (listed !== undefined && facts.refused === undefined) return this.#refuse(key, pool, listed);
    if (!isDeepStrictEqual(status, pool.status)) {
      const written = await writeStatus(client, trainingPools, pool, status, signal);
      if (written === undefined) return { requeueAfterMs: catchUpMs };
      this.#expectations.expect(key, pools, written, clock.now());
    }
    if (built === undefined) return {};
    const { job } = facts;
    const refused =
      listed ?? (await this.#refusalOf(this.#write(key, built, { step, job }, signal)));
    if (refused !== undefined) return this.#refuse(key, pool, refused);
    if (this.#refusals.forget(key)) return { requeueAfterMs: 0 };
    return facts.asking.length > 0 || facts.job !== undefined ? { requeueAfterMs: busyMs } : {};
  }

  async #observe(key: string, pool: ObservedPool, signal: AbortSignal): Promise<PoolFacts> {
    const { stores, jobs, clock, ask, progress } = this.#facts;
    const { uid } = pool.metadata;
    const named = jobs.by('pool', key);
    // A label is anybody's to write; only what the pool owns is its child.
    const job = stores.batchJobs
      .by('pool', uid)
      .find(({ metadata }) => metadata.controlledBy === uid);
    const pods = stores.pods
      .by('pool', uid)
      .filter(({ metadata }) => job !== undefined && metadata.controlledBy === job.metadata.uid);
    const left = stores.pods.by('name', key).filter((pod) => !pods.includes(pod) && isLeft(pod));
    const running = pods.find(({ status }) => status.phase === 'Running');
    const told = running?.podIP === undefined ? undefined : await ask(running.podIP, signal);
    if (told !== undefined) progress.note(key, told.jobs);
    return {
      ...{ pool, job, pods, left, told, now: clock.now() },
      asking: askingOf(named),
      generations: new Map(named.map(({ metadata, generation }) => [metadata.uid, generation])),
      refused: this.#refusals.of(key, pool.generation),
    };
  }

  /**
   * Whether these jobs ask to be trained now: whoever leads no longer, and does not know, has jobs
   * in its cache that the leader has let go.
   */
  async #doAsk(key: string, uids: readonly string[], signal: AbortSignal): Promise<boolean> {
    const { jobs, client } = this.#facts;
    for (const { metadata } of jobs.by('pool', key)) {
      if (!uids.includes(metadata.uid)) continue;
      const now = await client.get(fineTuneJobs, metadata, signal).catch(orAbsent);
      if (now?.metadata.uid !== metadata.uid || askingOf([now]).length === 0) return false;
    }
    return true;
  }

  async #refusalOf(written: Promise<void>): Promise<RefusedCall | undefined> {
    try {
      await written;
      return undefined;
    } catch (error) {
      if (error instanceof RefusedCall) return error;
      throw error;
    }
  }

  #refuse(key: string, { generation }: ObservedPool, refused: RefusedCall): Reconciled {
    return this.#refusals.add(key, generation, refused);
  }

  #actorOf({ metadata: { uid: owner } }: BuiltPool): Actor {
    const { client } = this.#facts;
    return { client, manager: fieldManager.controller, owner, what: 'pool' };
  }

  async #list(built: BuiltPool, list: PoolList, signal: AbortSignal): Promise<void> {
    await ensureList(this.#actorOf(built), listFor(built, list), signal);
  }

  /** In the order in which the pod needs them. */
  async #write(
    key: string,
    built: BuiltPool,
    wanted: { readonly step: PoolStep; readonly job: BatchJob | undefined },
    signal: AbortSignal,
  ): Promise<void> {
    const { client, stores, settings, clock, operatorNamespace } = this.#facts;
    const { uid } = built.metadata;
    const actor = this.#actorOf(built);
    const known = stores.policies
      .by('pool', uid)
      .find(({ metadata }) => metadata.controlledBy === uid);
    const policy = policyFor(built, operatorNamespace);
    const written = await ensureContent(actor, networkPolicies, policy, known, signal);
    if (written !== undefined)
      this.#expectations.expect(key, stores.policies, written, clock.now());
    if (wanted.step === 'Create') {
      const made = await ensureMade(actor, batchJobs, jobFor(built, settings), signal);
      this.#expectations.expect(key, stores.batchJobs, made, clock.now());
    }
    if (wanted.step === 'Remove' && wanted.job !== undefined) {
      await removeAfterChildren(client, batchJobs, wanted.job, signal);
    }
  }
}

function orAbsent(error: unknown): undefined {
  if (!isStatus(error, 404)) throw error;
}

/** Of a Job that is not there any more, and not ended. */
function isLeft({ metadata, status }: Pod): boolean {
  const isOver = status.phase === 'Succeeded' || status.phase === 'Failed';
  return (
    metadata.labels[label.component] === poolComponent &&
    metadata.controlledBy !== undefined &&
    !isOver
  );
}
