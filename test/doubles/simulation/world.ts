// A cluster in memory around real reconcilers: objects, controllers, workers on a bus, informers
// that may lag, leaders that may be two. Time passes when a test says so; nothing is random but
// what the test draws.

import { fineTuneJob } from '../../../crds/api/job.ts';
import { label } from '../../../crds/names/labels.ts';
import { noBus } from '../../../operator/bus/job-bus.ts';
import { byPool } from '../../../operator/informers.ts';
import type { SiteFacts } from '../../../operator/job/facts.ts';
import { byJob, type Stores } from '../../../operator/job/observe.ts';
import { type BatchJob, batchJobs } from '../../../operator/job/observed/batch-job.ts';
import { networkPolicies, services } from '../../../operator/job/observed/child-object.ts';
import { fineTuneJobs } from '../../../operator/job/observed/fine-tune-job.ts';
import { pods } from '../../../operator/job/observed/pod.ts';
import { JobReconciler, type PhaseChange } from '../../../operator/job/reconcile.ts';
import { type ByRequest, byRequest } from '../../../operator/job/siblings.ts';
import { KubeClient } from '../../../operator/runtime/client.ts';
import type { Reconciled } from '../../../operator/runtime/controller.ts';
import type { EventNote } from '../../../operator/runtime/events.ts';
import type { KubeObject } from '../../../operator/runtime/resource.ts';
import { Store } from '../../../operator/runtime/store.ts';
import { aWrittenJob, type Changes, changed } from '../../builders/job.ts';
import { quietSite } from '../../builders/job-facts.ts';
import { KubeObjects, type LogEntry } from '../kube/objects.ts';
import type { Tree } from '../kube/patches.ts';
import { Caches, type Kept, kept, readOnce } from './caches.ts';
import { JobController, jobsAt, labelsOf, type PodScript, podsAt } from './job-controller.ts';
import { MemoryBus } from './memory-bus.ts';
import { MemoryTransport } from './memory-transport.ts';
import { workersRendezvous } from './workers.ts';

export const finetunejobsAt = 'apis/anneal.dev/v1alpha1/finetunejobs';
export const policiesAt = 'apis/networking.k8s.io/v1/networkpolicies';
const at = { collection: finetunejobsAt, namespace: 'team-a', name: 'first' } as const;
const never = new AbortController().signal;

interface Leader {
  readonly stores: Stores;
  readonly caches: Caches;
  readonly reconciler: JobReconciler;
}

interface WorldOptions {
  readonly bus?: boolean;
  readonly leaders?: number;
  readonly site?: Partial<SiteFacts>;
}

export class World {
  time = Date.parse('2026-01-01T12:00:00Z');
  readonly objects = new KubeObjects();
  readonly transport = new MemoryTransport(this.objects);
  readonly bus: MemoryBus | undefined;
  readonly controller: JobController;
  readonly leaders: Leader[] = [];
  script: PodScript = () => undefined;
  /** What the worker pods do on the bus, where there is one. */
  workers: (bus: MemoryBus) => void = (bus) => workersRendezvous(this, bus);
  /** Events that were told, each a write too. */
  readonly events: EventNote[] = [];
  /** Told what the operator's numbers and traces are told. */
  seen: (change: PhaseChange) => void = () => {};
  readonly #client = new KubeClient(this.transport);

  readonly #site: SiteFacts;

  constructor({ bus = false, leaders = 1, site = {} }: WorldOptions = {}) {
    const now = () => this.time;
    this.objects.now = now;
    this.bus = bus ? new MemoryBus(now) : undefined;
    this.#site = { ...siteOf(this.bus), ...site };
    this.controller = new JobController(this.objects, now);
    for (let count = 0; count < leaders; count++) this.leaders.push(this.#newLeader());
  }

  apply(changes: Changes = {}): void {
    const written = changed(
      aWrittenJob(),
      Object.fromEntries(Object.entries(changes).map(([path, value]) => [`spec.${path}`, value])),
    );
    // As the API server does: defaults are filled in.
    const job = JSON.parse(JSON.stringify(fineTuneJob.parse(written))) as Tree;
    this.objects.create(at, { ...job, metadata: { name: 'first', namespace: 'team-a' } });
  }

  edit(spec: Tree): void {
    if (this.find() !== undefined) this.objects.mergePatch(at, { spec });
  }

  mirrorCheckpoint(checkpoint: Tree): void {
    if (this.find() !== undefined) this.objects.mergePatch(at, { status: { checkpoint } });
  }

  remove(): void {
    if (this.find() !== undefined) this.objects.delete(at, undefined);
  }

  find(): Tree | undefined {
    return this.objects.find(at);
  }

  get observed() {
    const raw = this.find();
    return raw === undefined ? undefined : readOnce(fineTuneJobs, raw);
  }

  get phase(): string | undefined {
    return this.observed?.status.phase;
  }

  jobs(component: string): readonly Tree[] {
    return this.objects
      .all(jobsAt)
      .filter((job) => labelsOf(job)['anneal.dev/component'] === component);
  }

  /** One pass of a leader over the job; what it throws is what a controller would retry. */
  async reconcile(leader = 0): Promise<unknown> {
    try {
      await this.reconciled(leader);
      return undefined;
    } catch (error) {
      return error;
    }
  }

  /** What a controller is told of a pass. */
  async reconciled(leader = 0): Promise<Reconciled> {
    return (await this.leaders[leader]?.reconciler.reconcile('team-a/first', never)) ?? {};
  }

  /** Tells a leader what happened: all of it, or only the first changes. */
  deliver(leader = 0, count = Number.POSITIVE_INFINITY): void {
    this.leaders[leader]?.caches.deliver(count);
  }

  /** Tells a leader what happened before the first change that is wanted, and not that one. */
  deliverBefore(leader: number, wanted: (entry: LogEntry) => boolean): void {
    this.leaders[leader]?.caches.deliverBefore(wanted);
  }

  /** The process of a leader ends and another one begins: informers list anew, memory is lost. */
  restart(leader = 0): void {
    this.leaders[leader] = this.#newLeader();
  }

  /** Everything outside the operator moves by one step. */
  outside(): void {
    this.controller.step(this.script);
    if (this.bus !== undefined) this.workers(this.bus);
  }

  async settle(rounds = 60, secondsPerRound = 5): Promise<void> {
    for (let round = 0; round < rounds; round++) {
      this.time += secondsPerRound * 1000;
      this.outside();
      for (const [index] of this.leaders.entries()) {
        this.deliver(index);
        await this.reconcile(index);
        this.deliver(index);
      }
      if (['Succeeded', 'Failed'].includes(this.phase ?? '')) return;
    }
  }

  #newLeader(): Leader {
    const stores = jobStores();
    const caches = new Caches(this.objects, keptOfJobs(stores));
    const reconciler = new JobReconciler({
      ...{ stores, client: this.#client, bus: this.bus ?? noBus, gang: undefined },
      site: this.#site,
      clock: { now: () => this.time, monotonic: () => this.time, sleep: () => Promise.resolve() },
      events: { record: (_, note) => void this.events.push(note) },
      seen: (change) => this.seen(change),
    });
    return { stores, caches, reconciler };
  }
}

const busSettings = { url: 'nats://bus:4222', port: 4222, namespace: undefined };
const siteWithBus = { ...quietSite, settings: { ...quietSite.settings, bus: busSettings } };

export function siteOf(bus: MemoryBus | undefined): SiteFacts {
  return bus === undefined ? quietSite : siteWithBus;
}

export function jobStores(): Stores {
  const children = <T extends KubeObject>() => new Store<T, 'job'>({ indexes: { job: byJob } });
  return {
    jobs: new Store({ indexes: { uid: ({ metadata }) => [metadata.uid], pool: byPool } }),
    batchJobs: new Store<BatchJob, 'job' | ByRequest>({
      indexes: { job: byJob, request: byRequest },
    }),
    ...{ pods: children(), services: children() },
    ...{
      networkPolicies: children(),
      sharedPolicies: new Store({ indexes: {} }),
      podGroups: undefined,
      workloads: undefined,
      nodes: undefined,
    },
  };
}

export function keptOfJobs(stores: Stores): readonly Kept[] {
  const ours = label.jobUid;
  return [
    kept(finetunejobsAt, stores.jobs, fineTuneJobs),
    kept(jobsAt, stores.batchJobs, batchJobs, ours),
    kept(podsAt, stores.pods, pods, ours),
    kept('api/v1/services', stores.services, services, ours),
    kept(policiesAt, stores.networkPolicies, networkPolicies, ours),
    kept(policiesAt, stores.sharedPolicies, networkPolicies, label.network),
  ];
}
