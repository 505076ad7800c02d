// What Kubernetes does to the pods of a pool and of its jobs, second by second: a pod that is
// deleted stays while its process saves, a Job that is deleted in the foreground stays while its
// pods do, and the list gets to the pod late. What pods of jobs write is written here.
import { label } from '../../../../crds/names/labels.ts';
import {
  type PoolAnswer,
  podPool,
  poolList,
  poolVariable,
  type ToldJob,
} from '../../../../crds/wire/pool.ts';
import { type KubeObjects, metaOf } from '../../kube/objects.ts';
import type { Tree } from '../../kube/patches.ts';
import { JobController, jobsAt, labelsOf, placeOf, podsAt, statusOf } from '../job-controller.ts';
import type { Folders } from './folders.ts';
import { PoolProcess } from './process.ts';

interface ClusterFacts {
  readonly objects: KubeObjects;
  readonly folders: Folders;
  readonly now: () => number;
  readonly lag: number;
  readonly fits: number;
  readonly steps: number;
}

export interface PoolPod {
  /** UID of the pool that it was made for. */
  readonly pool: string | undefined;
  readonly address: string;
  readonly process: PoolProcess;
  /** Of the list that it began with. */
  readonly list: number;
}

export const liar = { name: 'liar', address: '10.6.6.6' } as const;

const listsAt = 'api/v1/configmaps';
const kubelet = 'kubelet';
const foreground = 'foregroundDeletion';
/** Of pods that prepare or publish. */
const workSeconds = 2;

export class PoolCluster {
  readonly controller: JobController;
  /** What a pod of somebody else says that has the labels of the pool. */
  lies: readonly ToldJob[] = [];
  readonly #facts: ClusterFacts;
  readonly #pods = new Map<string, PoolPod>();
  /** Seconds that pods of jobs have worked. */
  readonly #worked = new Map<string, number>();
  /** As it was written, with the time of each. */
  readonly #lists: { readonly at: number; readonly text: string }[] = [];

  constructor(facts: ClusterFacts) {
    this.#facts = facts;
    this.controller = new JobController(facts.objects, facts.now);
    facts.objects.watch(facts.objects.version, ({ collection, type, object }) => {
      if (collection !== listsAt || type === 'DELETED') return;
      const text = (object['data'] as Tree | undefined)?.[poolList.file];
      if (typeof text === 'string') this.#lists.push({ at: facts.now(), text });
    });
  }

  /** Those whose process runs, whatever became of their objects. */
  get running(): readonly PoolPod[] {
    return [...this.#pods.values()].filter(({ process }) => process.exit === undefined);
  }

  told(address: string): Omit<PoolAnswer, 'v'> | undefined {
    if (address === liar.address) return { jobs: [...this.lies], leaving: [] };
    const found = this.running.find((pod) => pod.address === address);
    return found && structuredClone(found.process.told);
  }

  /** UIDs of jobs of which a pod runs that prepares or publishes. */
  get working(): readonly string[] {
    return this.#podsOfJobs()
      .filter((pod) => statusOf(pod).phase === 'Running')
      .map((pod) => String(labelsOf(pod)[label.jobUid]));
  }

  async second(): Promise<void> {
    this.controller.step((pod) => this.#endOf(pod));
    for (const pod of this.#podsOfPools()) {
      if (statusOf(pod).phase === 'Pending' && !hasFinalizer(pod)) this.#patch(pod, running);
      if (statusOf(pod).phase === 'Running' && !this.#pods.has(uidOf(pod))) this.#start(pod);
      if (metaOf(pod)['deletionTimestamp'] === undefined) continue;
      const process = this.#pods.get(uidOf(pod))?.process;
      if (process === undefined || process.exit !== undefined) {
        this.#patch(pod, { metadata: { finalizers: [] } });
      } else process.terminate();
    }
    for (const pod of this.running) await pod.process.live(this.#listFor(pod));
    this.#collect();
  }

  /** The process ends at once. */
  crash(exit: number): void {
    for (const { process } of this.running) process.end(exit);
  }

  /** Its node is drained. */
  evict(): void {
    for (const pod of this.#podsOfPools()) {
      if (statusOf(pod).phase !== 'Running') continue;
      const disrupted = {
        type: 'DisruptionTarget',
        status: 'True',
        reason: 'EvictionByEvictionAPI',
      };
      this.#patch(pod, { status: { conditions: [disrupted] } });
      this.#facts.objects.delete(placeOf(podsAt, pod), undefined);
    }
  }

  /** Its node is gone, and with it the process and the object. */
  lose(): void {
    for (const pod of this.#podsOfPools()) {
      this.#pods.get(uidOf(pod))?.process.end(137);
      this.#facts.objects.mergePatch(placeOf(podsAt, pod), { metadata: { finalizers: [] } });
      if (this.#facts.objects.find(placeOf(podsAt, pod)) !== undefined)
        this.#facts.objects.delete(placeOf(podsAt, pod), undefined);
    }
  }

  /** A Job that is to be deleted after its pods. */
  holdForPods(job: Tree): void {
    this.#patchAt(jobsAt, job, { metadata: { finalizers: [foreground] } });
  }

  #podsOfPools(): readonly Tree[] {
    return this.#facts.objects
      .all(podsAt)
      .filter((pod) => label.poolUid in labelsOf(pod) && metaOf(pod)['name'] !== liar.name);
  }

  #podsOfJobs(): readonly Tree[] {
    return this.#facts.objects.all(podsAt).filter((pod) => label.jobUid in labelsOf(pod));
  }

  #start(pod: Tree): void {
    const { folders, fits, steps } = this.#facts;
    const spec = pod['spec'] as {
      readonly containers: readonly { readonly env: readonly { name: string; value: string }[] }[];
    };
    const env = spec.containers[0]?.env.find(({ name }) => name === poolVariable);
    const { jobs } = podPool.parse(JSON.parse(env?.value ?? ''));
    const address = `10.0.0.${this.#pods.size + 1}`;
    const process = new PoolProcess({ folders, fits, steps, most: jobs });
    const pool = labelsOf(pod)[label.poolUid];
    this.#pods.set(uidOf(pod), { pool, address, process, list: this.#lists.length - 1 });
    this.#patch(pod, { status: { podIP: address } });
  }

  /** The newest that is as old as kubelet is late; a pod begins with the newest there is. */
  #listFor({ list }: PoolPod): string {
    const { now, lag } = this.#facts;
    const seen = this.#lists.findLastIndex(({ at }) => at <= now() - lag * 1000);
    return this.#lists[Math.max(list, seen)]?.text ?? '{"jobs":[],"leaving":[]}';
  }

  #endOf(pod: Tree): { readonly exit: number } | undefined {
    const uid = uidOf(pod);
    if (label.poolUid in labelsOf(pod)) {
      const exit = this.#pods.get(uid)?.process.exit;
      return exit === undefined ? undefined : { exit };
    }
    const worked = (this.#worked.get(uid) ?? 0) + 1;
    this.#worked.set(uid, worked);
    if (worked < workSeconds) return undefined;
    const { [label.jobUid]: job = '', [label.component]: component } = labelsOf(pod);
    if (component === 'init') this.#facts.folders.of(job).isPrepared = true;
    return { exit: 0 };
  }

  #collect(): void {
    for (const job of this.#facts.objects.all(jobsAt)) {
      if (metaOf(job)['deletionTimestamp'] === undefined) continue;
      const own = this.controller.podsOf(job);
      for (const pod of own) {
        if (metaOf(pod)['deletionTimestamp'] !== undefined) continue;
        this.#facts.objects.delete(placeOf(podsAt, pod), undefined);
      }
      if (own.length === 0) this.#patchAt(jobsAt, job, { metadata: { finalizers: [] } });
    }
  }

  #patch(pod: Tree, change: Tree): void {
    this.#patchAt(podsAt, pod, change);
  }

  #patchAt(collection: string, object: Tree, change: Tree): void {
    const place = placeOf(collection, object);
    if (this.#facts.objects.find(place) !== undefined)
      this.#facts.objects.mergePatch(place, change);
  }
}

const running = { metadata: { finalizers: [kubelet] } };

function hasFinalizer(pod: Tree): boolean {
  return metaOf(pod)['finalizers'] !== undefined;
}

function uidOf(object: Tree): string {
  return String(metaOf(object)['uid']);
}
