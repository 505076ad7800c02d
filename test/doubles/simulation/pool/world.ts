// A cluster in memory with a pool and the jobs that name it, around the real reconcilers of both.
// The pod of the pool has a process that runs while Kubernetes lets it, also after its objects are
// deleted; kubelet tells it of its list with a delay.
import { fineTuneJob } from '../../../../crds/api/job.ts';
import { trainingPool } from '../../../../crds/api/training-pool.ts';
import { poolChild } from '../../../../crds/names/child-names.ts';
import { label } from '../../../../crds/names/labels.ts';
import { poolList } from '../../../../crds/wire/pool.ts';
import { noBus } from '../../../../operator/bus/job-bus.ts';
import { Janitor } from '../../../../operator/job/janitor.ts';
import { addressedPods } from '../../../../operator/job/observed/addressed-pod.ts';
import { batchJobs } from '../../../../operator/job/observed/batch-job.ts';
import { networkPolicies } from '../../../../operator/job/observed/child-object.ts';
import {
  fineTuneJobs,
  type ObservedFineTuneJob,
} from '../../../../operator/job/observed/fine-tune-job.ts';
import { JobReconciler } from '../../../../operator/job/reconcile.ts';
import { poolStores } from '../../../../operator/pool/informers.ts';
import { type ObservedPool, trainingPools } from '../../../../operator/pool/observed.ts';
import { PoolReconciler } from '../../../../operator/pool/reconcile.ts';
import { ToldProgress } from '../../../../operator/pool/told-progress.ts';
import { KubeClient } from '../../../../operator/runtime/client.ts';
import { Store } from '../../../../operator/runtime/store.ts';
import type { KubeRequest } from '../../../../operator/runtime/transport.ts';
import { someSettings } from '../../../builders/built-job.ts';
import { aWrittenJob, changed } from '../../../builders/job.ts';
import { packedSpec, writtenPool } from '../../../builders/pool.ts';
import { KubeObjects, metaOf } from '../../kube/objects.ts';
import type { Tree } from '../../kube/patches.ts';
import { Caches, kept, readOnce } from '../caches.ts';
import { MemoryBus } from '../memory-bus.ts';
import { MemoryTransport, type Outcome } from '../memory-transport.ts';
import { finetunejobsAt, jobStores, keptOfJobs, policiesAt, siteOf } from '../world.ts';
import { PoolCluster } from './cluster.ts';
import { Folders } from './folders.ts';

export const poolsAt = 'apis/anneal.dev/v1alpha1/trainingpools';
export const namespace = 'team';
export const pool = { collection: poolsAt, namespace, name: 'smol' } as const;
export const poolJob = { collection: 'apis/batch/v1/jobs', namespace, name: 'smol-pool' } as const;
export const list = {
  ...{ collection: 'api/v1/configmaps', namespace },
  name: poolChild.list(pool.name),
} as const;
const never = new AbortController().signal;

interface Leader {
  readonly caches: Caches;
  readonly jobs: JobReconciler;
  readonly pools: PoolReconciler;
  readonly janitor: Janitor;
}

export interface Site {
  readonly hasBus: boolean;
  /** Of kubelet with the list, in seconds. */
  readonly lag: number;
  /** Runs whose memory a pod has. */
  readonly fits: number;
  /** That a run trains. */
  readonly steps: number;
}

export class PoolWorld {
  time = Date.parse('2026-01-01T12:00:00Z');
  readonly objects = new KubeObjects();
  readonly transport = new MemoryTransport(this.objects);
  readonly folders = new Folders();
  readonly bus: MemoryBus | undefined;
  readonly cluster: PoolCluster;
  /** Of the next writes. */
  faults: Outcome[] = [];
  /** Pods answer nobody: a network that is cut. */
  isMute = false;
  eachSecond: () => void = () => undefined;
  readonly #leaders: Leader[] = [];
  readonly #client = new KubeClient(this.transport);

  constructor(site: Site) {
    const now = () => this.time;
    this.objects.now = now;
    this.bus = site.hasBus ? new MemoryBus(now) : undefined;
    this.cluster = new PoolCluster({ ...site, objects: this.objects, folders: this.folders, now });
    this.transport.outcome = (asked) => this.#outcome(asked);
    for (let count = 0; count < 2; count++) this.#leaders.push(this.#newLeader());
  }

  /** As the API server does: defaults are filled in. */
  createPool(jobs: number): void {
    if (this.objects.find(pool) !== undefined) return;
    const { metadata, spec } = writtenPool({ jobs });
    const kinds = { apiVersion: 'anneal.dev/v1alpha1', kind: 'TrainingPool' };
    this.objects.create(pool, json(trainingPool.parse({ ...kinds, metadata, spec })));
  }

  createJob(name: string): void {
    if (this.objects.find(jobAt(name)) !== undefined) return;
    const changes = Object.entries(packedSpec).map(([path, value]) => [`spec.${path}`, value]);
    const written = changed(aWrittenJob(), Object.fromEntries(changes));
    const job = json(fineTuneJob.parse({ ...written, metadata: { name, namespace } }));
    this.objects.create(jobAt(name), job);
  }

  get jobs(): readonly ObservedFineTuneJob[] {
    return this.objects
      .all(finetunejobsAt)
      .filter((raw) => metaOf(raw)['namespace'] === namespace)
      .map((raw) => readOnce(fineTuneJobs, raw));
  }

  get pool(): ObservedPool | undefined {
    const raw = this.objects.find(pool);
    return raw === undefined ? undefined : readOnce(trainingPools, raw);
  }

  /** One pass of a leader over the pool, or over a job; what it throws would be tried again. */
  async reconcile(leader: number, name: string): Promise<void> {
    const { jobs, pools } = this.#leaders[leader] ?? this.#newLeader();
    const of = name === pool.name ? pools : jobs;
    await of.reconcile(`${namespace}/${name}`, never).catch((error: unknown) => {
      if (error instanceof TypeError) throw error;
    });
  }

  deliver(leader: number, count?: number): void {
    this.#leaders[leader]?.caches.deliver(count);
  }

  async janitor(leader: number): Promise<void> {
    await this.#leaders[leader]?.janitor.round(never);
  }

  restart(leader: number): void {
    this.#leaders[leader] = this.#newLeader();
  }

  /** The cluster moves by so many seconds; nobody reconciles. */
  async pass(seconds: number): Promise<void> {
    for (let second = 0; second < seconds; second++) {
      this.time += 1000;
      await this.cluster.second();
      this.eachSecond();
    }
  }

  /** Some time in which a leader hears of all, and looks at everything. */
  async turn(leader: number, seconds = 3): Promise<void> {
    await this.pass(seconds);
    for (const name of [pool.name, ...this.jobs.map(({ metadata }) => metadata.name)]) {
      this.deliver(leader);
      await this.reconcile(leader, name);
    }
  }

  #outcome({ verb, path, body }: KubeRequest): Outcome {
    if (verb === 'GET') return 'Fine';
    const outcome = this.faults.shift() ?? 'Fine';
    const { propagationPolicy, preconditions } = (body ?? {}) as {
      readonly propagationPolicy?: string;
      readonly preconditions?: { readonly uid?: string };
    };
    const takesEffect = outcome === 'Fine' || outcome === 'AnswerIsLost';
    const job = this.objects.find(poolJob);
    const isSame = job !== undefined && metaOf(job)['uid'] === preconditions?.uid;
    if (verb === 'DELETE' && path.endsWith(`/jobs/${poolJob.name}`) && takesEffect && isSame) {
      if (propagationPolicy === 'Foreground') this.cluster.holdForPods(job);
    }
    return outcome;
  }

  #newLeader(): Leader {
    const stores = {
      ...jobStores(),
      pools: new Store<ObservedPool>({ indexes: {} }),
      ofPools: poolStores(),
    };
    const { jobs, pools, ofPools } = stores;
    const caches = new Caches(this.objects, [
      ...keptOfJobs(stores),
      kept(poolsAt, pools, trainingPools),
      kept(poolJob.collection, ofPools.batchJobs, batchJobs, label.poolUid),
      kept(policiesAt, ofPools.policies, networkPolicies, label.poolUid),
      kept('api/v1/pods', ofPools.pods, addressedPods, label.poolUid),
    ]);
    const clock = {
      ...{ now: () => this.time, monotonic: () => this.time },
      sleep: () => Promise.resolve(),
    };
    const client = this.#client;
    const bus = this.bus ?? noBus;
    return {
      caches,
      janitor: new Janitor({ jobs, bus, clock, namespaces: undefined, tell: () => undefined }),
      jobs: new JobReconciler({
        ...{ stores, client, bus, gang: undefined, clock },
        ...{ site: siteOf(this.bus), events: { record: () => undefined }, seen: () => undefined },
      }),
      pools: new PoolReconciler({
        ...{ stores: ofPools, jobs, pools, client, settings: someSettings, clock },
        ...{ operatorNamespace: 'anneal-system', progress: new ToldProgress() },
        ask: async (address) => (this.isMute ? undefined : this.cluster.told(address)),
      }),
    };
  }
}

export function jobAt(name: string) {
  return { collection: finetunejobsAt, namespace, name };
}

export function listIn(map: Tree): string {
  return String((map['data'] as Tree | undefined)?.[poolList.file]);
}

function json(value: object): Tree {
  return JSON.parse(JSON.stringify(value)) as Tree;
}
