// Informers: the stores that reconciling reads, each with the reflectors that fill it, and the rule
// by which a change of an object puts its job in the queue.
import { label } from '../crds/names/labels.ts';
import { type ByJob, byJob, type Stores } from './job/observe.ts';
import { type BatchJob, batchJobs } from './job/observed/batch-job.ts';
import {
  type ChildObject,
  networkPolicies,
  podGroups,
  services,
} from './job/observed/child-object.ts';
import { fineTuneJobs, type ObservedFineTuneJob } from './job/observed/fine-tune-job.ts';
import { type Node, nodes } from './job/observed/node.ts';
import { pods } from './job/observed/pod.ts';
import { type Workload, workloads } from './job/observed/workload.ts';
import { type ByRequest, byRequest, byWaiting, wakeWaiting } from './job/siblings.ts';
import { type GangFlavour, podGroupResources } from './objects/pod-group.ts';
import { type ObservedPool, trainingPools } from './pool/observed.ts';
import { type Following, type GroupFacts, ReflectorGroup } from './runtime/reflector-group.ts';
import { type KubeObject, keyOf } from './runtime/resource.ts';
import { Store } from './runtime/store.ts';

interface InformerFacts extends GroupFacts {
  readonly gang: GangFlavour | undefined;
  readonly readsWorkloads: boolean;
  readonly readsNodes: boolean;
  readonly readsPools: boolean;
}

export interface Informers extends Following {
  readonly stores: Stores;
}

/** What belongs to jobs carries this label; nothing else is read into memory. */
const ours = label.jobUid;

export function createInformers(facts: InformerFacts): Informers {
  const group = new ReflectorGroup(facts);
  const jobs = new Store<ObservedFineTuneJob, 'uid' | 'waiting' | 'pool'>({
    indexes: { uid: ({ metadata }) => [metadata.uid], waiting: byWaiting, pool: byPool },
  });
  group.follow(fineTuneJobs, jobs, {}, (job) => keyOf(job));
  const stores: Stores = {
    jobs,
    batchJobs: group.follow(
      batchJobs,
      new Store<BatchJob, ByJob | ByRequest>({ indexes: { job: byJob, request: byRequest } }),
      { ours },
      jobOf,
    ),
    pods: group.follow(pods, childStore(), { ours }, jobOf),
    services: group.follow(services, childStore(), { ours }, jobOf),
    networkPolicies: group.follow(networkPolicies, childStore(), { ours }, jobOf),
    sharedPolicies: group.follow(
      networkPolicies,
      new Store<ChildObject>({ indexes: {} }),
      { ours: label.network },
      undefined,
    ),
    podGroups:
      facts.gang === undefined
        ? undefined
        : group.follow(podGroups(podGroupResources[facts.gang]), childStore(), { ours }, jobOf),
    workloads: facts.readsWorkloads
      ? group.follow(
          workloads,
          new Store<Workload, 'owner'>({ indexes: { owner: ownerOf } }),
          {},
          undefined,
        )
      : undefined,
    nodes: facts.readsNodes
      ? group.follow(
          nodes,
          new Store<Node, never>({ indexes: {} }),
          { clusterWide: true },
          undefined,
        )
      : undefined,
    pools: facts.readsPools
      ? group.follow(trainingPools, new Store<ObservedPool>({ indexes: {} }), {}, undefined)
      : undefined,
  };
  wakeByPool(stores, facts);
  wakeWaiting({ jobs, pods: stores.pods }, facts.changed);
  wakeBySharedPolicy(stores, facts);
  wakeByWorkload(stores, facts);
  wakeByNode(stores, facts);
  return { stores, ...group.controls() };
}

/** The pool that a job names. */
export function byPool({ metadata, spec }: ObservedFineTuneJob): readonly string[] {
  return spec?.packing === undefined ? [] : [`${metadata.namespace}/${spec.packing.pool}`];
}

function wakeByPool({ pools, jobs }: Stores, { changed }: InformerFacts): void {
  pools?.subscribe(({ object }) => {
    for (const job of jobs.by('pool', keyOf(object))) changed(keyOf(job));
  });
}

function childStore<T extends KubeObject>(): Store<T, ByJob> {
  return new Store<T, ByJob>({ indexes: { job: byJob } });
}

/** Children carry the name of their job. */
function jobOf({ metadata }: KubeObject): string | undefined {
  const name = metadata.labels[label.jobName];
  return name === undefined ? undefined : `${metadata.namespace}/${name}`;
}

/** A workload is owned by the Job that it is for. */
function ownerOf({ metadata }: Workload): readonly string[] {
  return metadata.controlledBy === undefined ? [] : [metadata.controlledBy];
}

/**
 * One that was changed or is gone concerns every job of its namespace; one that comes was made for
 * a job that waits for it.
 */
function wakeBySharedPolicy({ sharedPolicies, jobs }: Stores, { changed }: InformerFacts): void {
  sharedPolicies.subscribe(({ type, object }) => {
    if (type === 'Added') return;
    for (const key of jobs.keys()) {
      if (key.startsWith(`${object.metadata.namespace}/`)) changed(key);
    }
  });
}

function wakeByWorkload({ workloads, batchJobs }: Stores, { changed }: InformerFacts): void {
  workloads?.subscribe(({ object }) => {
    const { controlledBy } = object.metadata;
    for (const job of batchJobs.values()) {
      const key = job.metadata.uid === controlledBy ? jobOf(job) : undefined;
      if (key !== undefined) changed(key);
    }
  });
}

/** A node that comes or goes concerns the jobs with pods on it. */
function wakeByNode({ nodes, pods }: Stores, { changed }: InformerFacts): void {
  nodes?.subscribe(({ object }) => {
    for (const pod of pods.values()) {
      const key = pod.spec.nodeName === object.metadata.name ? jobOf(pod) : undefined;
      if (key !== undefined) changed(key);
    }
  });
}
