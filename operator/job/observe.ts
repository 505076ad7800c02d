// From what the stores hold to the facts of one job. No I/O, and no clock but `now`.
import { childName, sharedName } from '../../crds/names/child-names.ts';
import { annotation, type Component, finalizer, label, Network } from '../../crds/names/labels.ts';
import { containerName } from '../../crds/wire/pod.ts';
import { parseTerminationMessage } from '../../crds/wire/termination-message.ts';
import type { JobBus } from '../bus/job-bus.ts';
import { deviceResourceOf } from '../objects/devices.ts';
import type { ObservedPool } from '../pool/observed.ts';
import { conditionOf } from '../runtime/conditions.ts';
import { type KubeObject, keyOf, type ObjectMeta } from '../runtime/resource.ts';
import type { Store } from '../runtime/store.ts';
import type {
  ChildFacts,
  ChildJob,
  ChildOutcome,
  Facts,
  JobFacts,
  JobPoolFacts,
  PodEnd,
  PodFacts,
  PodPreparation,
  QueueFacts,
  SiteFacts,
} from './facts.ts';
import type { BatchJob } from './observed/batch-job.ts';
import type { ChildObject } from './observed/child-object.ts';
import type { ObservedFineTuneJob } from './observed/fine-tune-job.ts';
import { devicesOn, isUnreachable, type Node } from './observed/node.ts';
import type { Pod } from './observed/pod.ts';
import type { Workload } from './observed/workload.ts';
import { type ByRequest, siblingsOf } from './siblings.ts';

/** Children are found by the UID of the job in their labels. */
export type ByJob = 'job';

export interface Stores {
  readonly jobs: Store<ObservedFineTuneJob, 'uid' | 'pool'>;
  readonly batchJobs: Store<BatchJob, ByJob | ByRequest>;
  readonly pods: Store<Pod, ByJob>;
  readonly services: Store<ChildObject, ByJob>;
  readonly networkPolicies: Store<ChildObject, ByJob>;
  /** Of namespaces, for all their jobs. */
  readonly sharedPolicies: Store<ChildObject>;
  readonly podGroups: Store<ChildObject, ByJob> | undefined;
  /** By the UID of the Job that a workload is for. */
  readonly workloads: Store<Workload, 'owner'> | undefined;
  readonly nodes: Store<Node, never> | undefined;
  /** Absent where the site runs none. */
  readonly pools?: Store<ObservedPool> | undefined;
}

export function byJob({ metadata }: KubeObject): readonly string[] {
  const uid = metadata.labels[label.jobUid];
  return uid === undefined ? [] : [uid];
}

export function observe(
  stores: Stores,
  job: ObservedFineTuneJob,
  bus: JobBus,
  site: SiteFacts,
  now: number,
): Facts {
  const { uid, namespace } = job.metadata;
  // A label is anybody's to write; only what the job owns is its child.
  const owned = stores.batchJobs
    .by('job', uid)
    .filter(({ metadata }) => metadata.controlledBy === uid);
  const jobs = owned.map((each) => ({
    component: componentOf(each.metadata),
    facts: childJob(each),
  }));
  const of = (component: Component) =>
    jobs
      .filter((each) => each.component === component)
      .map(({ facts }) => facts)
      .toSorted((a, b) => a.number - b.number);
  const owners = new Set(owned.map(({ metadata }) => metadata.uid));
  const pods = stores.pods.by('job', uid);
  const isOwned = ({ metadata }: Pod) => owners.has(metadata.controlledBy ?? '');
  return {
    now,
    job: jobFacts(job),
    workers: of('worker'),
    inits: of('init'),
    publishes: of('publish'),
    siblings: siblingsOf(stores, job),
    pods: pods.filter(isOwned).map((pod) => podFacts(pod, stores.nodes)),
    leftPods: pods
      .filter((pod) => !isOwned(pod) && isOfWorkerJob(pod))
      .map((pod) => podFacts(pod, stores.nodes)),
    children: childrenOf(stores, uid),
    shared: sharedIn(stores, namespace),
    foreign: foreignNames(stores, job),
    queue: queueFacts(
      stores,
      jobs.map(({ facts }) => facts),
    ),
    bus: bus.facts({ namespace, uid }),
    pool: poolFacts(job, stores),
    site,
    devices: devicesFor(job, stores, site),
  };
}

function poolFacts(
  { metadata, spec }: ObservedFineTuneJob,
  { pools }: Stores,
): JobPoolFacts | undefined {
  if (spec?.packing === undefined) return undefined;
  if (pools === undefined) return { type: 'Off' };
  const pool = pools.get(`${metadata.namespace}/${spec.packing.pool}`);
  if (pool === undefined || pool.metadata.deletionTimestamp !== undefined) {
    return { type: 'Missing' };
  }
  const { conditions = [], jobs = [] } = pool.status;
  const ready = conditionOf(conditions, 'Ready');
  return {
    ...{ type: 'There', spec: pool.spec },
    waits: ready?.status === 'True' ? undefined : (ready?.message ?? 'nobody has looked at it yet'),
    told: jobs.find(({ uid }) => uid === metadata.uid),
  };
}

function devicesFor(
  { spec }: ObservedFineTuneJob,
  { nodes }: Stores,
  { settings }: SiteFacts,
): Facts['devices'] {
  if (spec === undefined || nodes === undefined) return undefined;
  const resourceName = deviceResourceOf(spec.worker, settings);
  if (resourceName === undefined) return undefined;
  return devicesOn(nodes.values(), spec.worker.nodeSelector ?? {}, resourceName);
}

function jobFacts({ metadata, generation, spec, problem, status }: ObservedFineTuneJob): JobFacts {
  const { name, namespace, uid, annotations } = metadata;
  return {
    ...{ name, namespace, uid, annotations, generation, spec, problem, status },
    createdAt: Date.parse(metadata.creationTimestamp),
    deletedAt: timeOf(metadata.deletionTimestamp),
    hasFinalizer: metadata.finalizers.includes(finalizer),
  };
}

function componentOf({ labels }: ObjectMeta): Component | undefined {
  // Written by us; another word is somebody else's object.
  return labels[label.component] as Component | undefined;
}

/** Of some Job: which one is not known any more. */
function isOfWorkerJob({ metadata }: Pod): boolean {
  return componentOf(metadata) === 'worker' && metadata.controlledBy !== undefined;
}

function numberOf({ labels }: ObjectMeta): number {
  return Number(labels[label.workerRevision] ?? labels[label.attempt] ?? 0);
}

function childJob({ metadata, spec, status }: BatchJob): ChildJob {
  const { name, uid, annotations, labels } = metadata;
  const { active, ready, failed, terminating } = status;
  return {
    ...{ name, uid, active, ready, failed, terminating },
    number: numberOf(metadata),
    createdAt: Date.parse(metadata.creationTimestamp),
    isDeleting: metadata.deletionTimestamp !== undefined,
    suspended: spec.suspend,
    parallelism: spec.parallelism,
    startedAt: timeOf(status.startTime),
    outcome: outcomeOf(status.conditions ?? []),
    planDigest: annotations[annotation.planDigest] ?? '',
    sharesPolicy: labels[label.network] !== undefined,
    prepareDigest: annotations[annotation.prepareDigest],
  };
}

type JobConditions = NonNullable<BatchJob['status']['conditions']>;

function outcomeOf(conditions: JobConditions): ChildOutcome | undefined {
  for (const { type, status, reason = '', message = '', lastTransitionTime } of conditions) {
    if (status === 'True' && (type === 'Complete' || type === 'Failed')) {
      return { type, reason, message, at: timeOf(lastTransitionTime) ?? 0 };
    }
  }
  return undefined;
}

function podFacts({ metadata, spec, status }: Pod, nodes: Stores['nodes']): PodFacts {
  const containers = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
  const condition = (type: string) => status.conditions?.find((each) => each.type === type);
  const scheduled = condition('PodScheduled');
  const disruption = condition('DisruptionTarget');
  const node = spec.nodeName === undefined ? undefined : nodes?.get(`/${spec.nodeName}`);
  const waiting = containers.find(({ state }) => state.waiting !== undefined)?.state.waiting;
  return {
    name: metadata.name,
    uid: metadata.uid,
    component: componentOf(metadata) ?? 'worker',
    jobUid: metadata.controlledBy ?? '',
    number: numberOf(metadata),
    index: Number(metadata.labels['batch.kubernetes.io/job-completion-index'] ?? 0),
    node: spec.nodeName,
    phase: status.phase as PodFacts['phase'],
    ready: condition('Ready')?.status === 'True',
    createdAt: Date.parse(metadata.creationTimestamp),
    scheduledAt:
      scheduled?.status === 'True' ? timeOf(scheduled.lastTransitionTime ?? undefined) : undefined,
    unschedulable:
      scheduled?.status === 'False' ? (scheduled.message ?? scheduled.reason) : undefined,
    isDeleting: metadata.deletionTimestamp !== undefined,
    disruption:
      disruption?.status === 'True' ? (disruption.reason ?? 'DisruptionTarget') : undefined,
    nodeUnreachable: node !== undefined && isUnreachable(node),
    waiting:
      waiting === undefined
        ? undefined
        : { reason: waiting.reason ?? '', message: waiting.message ?? '' },
    preparation: preparationOf({ metadata, spec, status }),
    end: endOf({ metadata, spec, status }),
  };
}

function preparationOf({ status }: Pod): PodPreparation | undefined {
  const found = status.initContainerStatuses?.find(({ name }) => name === containerName.prepare);
  const { running, terminated } = found?.state ?? {};
  if (running !== undefined) return { type: 'Working', prepared: undefined };
  if (terminated?.exitCode !== 0) return undefined;
  return { type: 'Done', prepared: parseTerminationMessage(terminated.message)?.prepared };
}

/** How the pod ended: by the container that ended badly, else by the last one. */
function endOf({ metadata, status }: Pod): PodEnd | undefined {
  if (status.phase !== 'Succeeded' && status.phase !== 'Failed') return undefined;
  const ends = [
    ...(status.initContainerStatuses ?? []),
    ...(status.containerStatuses ?? []),
  ].flatMap(({ state }) => (state.terminated === undefined ? [] : [state.terminated]));
  const end = ends.find(({ exitCode }) => exitCode !== 0) ?? ends.at(-1);
  const finishedAt = timeOf(end?.finishedAt ?? undefined) ?? Date.parse(metadata.creationTimestamp);
  const reason = status.reason ?? end?.reason ?? '';
  const terminationMessage = parseTerminationMessage(end?.message);
  return {
    exitCode: end?.exitCode ?? (status.phase === 'Succeeded' ? 0 : killed),
    reason,
    // Text that is no record of ours: the end of the log, or the words of kubelet.
    message: status.message ?? (terminationMessage === undefined ? (end?.message ?? '') : ''),
    finishedAt,
    terminationMessage,
  };
}

/** A pod of a lost node has no container status: nothing is known but that it did not end well. */
const killed = 137;

function childrenOf(stores: Stores, uid: string): readonly ChildFacts[] {
  const byKind = [
    ['Service', stores.services],
    ['NetworkPolicy', stores.networkPolicies],
    ['PodGroup', stores.podGroups],
  ] as const;
  return byKind.flatMap(([kind, store]) =>
    (store?.by('job', uid) ?? [])
      .filter(({ metadata }) => metadata.controlledBy === uid && !metadata.deletionTimestamp)
      .map(({ metadata }) => childFacts(kind, metadata)),
  );
}

function sharedIn({ sharedPolicies }: Stores, namespace: string): readonly ChildFacts[] {
  return Object.values(Network).flatMap((network) => {
    const { metadata } = sharedPolicies.get(`${namespace}/${sharedName.policy(network)}`) ?? {};
    const isThere = metadata !== undefined && metadata.deletionTimestamp === undefined;
    return isThere ? [childFacts('NetworkPolicy', metadata)] : [];
  });
}

function childFacts(kind: ChildFacts['kind'], { name, uid, annotations }: ObjectMeta): ChildFacts {
  return { kind, name, uid, content: annotations[annotation.content] };
}

/**
 * Names that a child of ours would have and an object of somebody else has. Only what is in the
 * stores can be seen.
 */
function foreignNames(stores: Stores, { metadata }: ObservedFineTuneJob): readonly string[] {
  const { name, namespace, uid } = metadata;
  const wanted = [
    ['Service', stores.services, childName.service(name)],
    ['NetworkPolicy', stores.networkPolicies, childName.workerPolicy(name)],
    ['NetworkPolicy', stores.networkPolicies, childName.ioPolicy(name)],
  ] as const;
  return wanted.flatMap(([kind, store, child]) => {
    const found = store.get(`${namespace}/${child}`);
    return found === undefined || found.metadata.controlledBy === uid ? [] : [`${kind} ${child}`];
  });
}

/**
 * Of the Job that goes on: that of one which has ended may be written to later, and says nothing of
 * what waits.
 */
function queueFacts({ workloads }: Stores, jobs: readonly ChildJob[]): QueueFacts | undefined {
  const going = jobs.filter(({ outcome }) => outcome === undefined);
  const found = (going.length > 0 ? going : jobs)
    .flatMap(({ uid }) => workloads?.by('owner', uid) ?? [])
    .toSorted((a, b) => Number(a.metadata.resourceVersion) - Number(b.metadata.resourceVersion))
    .at(-1);
  if (found === undefined) return undefined;
  const waiting = found.status.conditions?.find(
    ({ type, status }) => type === 'QuotaReserved' && status === 'False',
  );
  const { reason = '', message = '' } = waiting ?? {};
  return { workload: keyOf(found).split('/')[1] ?? '', reason, message };
}

function timeOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Date.parse(text);
}
