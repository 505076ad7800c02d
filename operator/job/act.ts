// Performs the calls of a decision in order and stops at the first that fails: the next reconcile
// decides again from what is there then. Answers that mean "it is so already" are successes.
import { adapterNames, kind } from '../../crds/names/group.ts';
import { annotation, finalizer, label } from '../../crds/names/labels.ts';
import type { JobBus } from '../bus/job-bus.ts';
import { type GangFlavour, podGroupResources } from '../objects/pod-group.ts';
import { isAlreadyExists, isStatus } from '../runtime/api-error.ts';
import type { Address, KubeClient, Manifest, OwnManifest } from '../runtime/client.ts';
import { addFinalizer, removeFinalizer } from '../runtime/finalizers.ts';
import { RefusedCall, refusalOf } from '../runtime/refused-call.ts';
import type { KubeObject, Resource } from '../runtime/resource.ts';
import type { AppliedKind, Call, CreatedKind, DeletedKind } from './decision.ts';
import { batchJobs } from './observed/batch-job.ts';
import {
  adapters,
  claims,
  configMaps,
  networkPolicies,
  podGroups,
  services,
} from './observed/child-object.ts';
import { fineTuneJobs, type ObservedFineTuneJob } from './observed/fine-tune-job.ts';
import { pods } from './observed/pod.ts';

interface Actor {
  readonly client: KubeClient;
  readonly bus: JobBus;
  readonly manager: string;
  readonly gang: GangFlavour | undefined;
  /**
   * Told every object that a call made or changed, so that the next decision waits until the
   * informers have it.
   */
  readonly wrote: (kind: string, object: KubeObject) => void;
}

export async function act(
  actor: Actor,
  job: ObservedFineTuneJob,
  calls: readonly Call[],
  signal: AbortSignal,
): Promise<void> {
  for (const call of calls) {
    try {
      await perform(actor, job, call, signal);
    } catch (error) {
      throw refused(call, error);
    }
  }
}

async function perform(
  actor: Actor,
  job: ObservedFineTuneJob,
  call: Call,
  signal: AbortSignal,
): Promise<void> {
  const { client, bus } = actor;
  const { namespace, uid } = job.metadata;
  const onBus = { namespace, uid };
  switch (call.type) {
    case 'AddFinalizer':
      return actor.wrote(kind, await addFinalizer(client, fineTuneJobs, job, finalizer, signal));
    case 'RemoveFinalizer':
      return unlessGone(removeFinalizer(client, fineTuneJobs, job, finalizer, signal));
    case 'EnsurePlan':
      return ensure(client, configMaps, call.manifest, signal);
    case 'Create':
      return create(actor, job, call.kind, call.manifest, signal);
    case 'Share':
      return share(actor, call, signal);
    case 'Apply':
      return apply(actor, call.kind, call.manifest, signal);
    case 'Delete': {
      const { name, uid, propagation, graceSeconds } = call;
      const options = { propagation, ...(graceSeconds === undefined ? {} : { graceSeconds }) };
      const resource = resourceOf(actor, call.kind);
      return unlessGone(client.delete(resource, { namespace, name, uid }, options, signal));
    }
    case 'Resize':
      return resize(actor, { ...call, namespace }, signal);
    case 'FailPod':
      return unlessGone(failPod(client, { namespace, name: call.name, uid: call.uid }, signal));
    case 'Record':
      return ensure(client, adapters, call.manifest, signal);
    case 'DeleteSelf':
      return unlessGone(client.delete(fineTuneJobs, job.metadata, {}, signal));
    case 'Admit':
      return bus.admit(onBus, call.record, signal);
    case 'WriteDesired':
      return bus.writeDesired(onBus, call.record, signal);
    case 'InitState':
      return bus.initState(onBus, call.record, signal);
    case 'OpenRound':
      return bus.openRound(onBus, call, signal);
    case 'PurgeBus':
      return bus.purge(onBus, signal);
    default:
      return call satisfies never;
  }
}

/**
 * The name of a plan holds the digest of its content, that of an adapter the UID of its job: an
 * existing one is the same.
 */
async function ensure(
  client: KubeClient,
  resource: Resource<KubeObject>,
  manifest: Manifest,
  signal: AbortSignal,
) {
  try {
    await client.create(resource, manifest, signal);
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
}

async function apply(
  { client, manager, wrote }: Actor,
  kind: AppliedKind,
  manifest: OwnManifest,
  signal: AbortSignal,
): Promise<void> {
  const resource = kind === 'Service' ? services : networkPolicies;
  wrote(kind, await client.apply(resource, manifest, { manager }, signal));
}

/** An object of that name is ours only where the job controls it; any other is left as it is. */
async function create(
  actor: Actor,
  { metadata }: ObservedFineTuneJob,
  kind: CreatedKind,
  manifest: Manifest,
  signal: AbortSignal,
): Promise<void> {
  const resource = resourceOf(actor, kind);
  try {
    actor.wrote(kind, await actor.client.create(resource, manifest, signal));
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    const found = await actor.client.get(resource, manifest.metadata, signal);
    const { uid } = found.metadata;
    if (found.metadata.controlledBy === metadata.uid) {
      if (kind !== 'Service' && kind !== 'NetworkPolicy') return actor.wrote(kind, found);
      // Our informer does not have it: its labels are gone, or the answer to another create got
      // lost.
      const own = { ...manifest, metadata: { ...manifest.metadata, uid } };
      return apply(actor, kind, own, signal);
    }
    const message = `${kind} ${manifest.metadata.name} belongs to someone else; the job needs the name for a child of its own`;
    throw new RefusedCall('NameConflict', { message, cause: error });
  }
}

/**
 * Another job of the namespace may have been faster. What has the name and is not of our making
 * stays as it is.
 */
async function share(
  { client, manager, wrote }: Actor,
  { manifest, uid }: Extract<Call, { readonly type: 'Share' }>,
  signal: AbortSignal,
): Promise<void> {
  const kind = 'SharedPolicy';
  const applied = async (known: string) => {
    const own = { ...manifest, metadata: { ...manifest.metadata, uid: known } };
    wrote(kind, await client.apply(networkPolicies, own, { manager }, signal));
  };
  if (uid !== undefined) return applied(uid);
  try {
    wrote(kind, await client.create(networkPolicies, manifest, signal));
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    const { name } = manifest.metadata;
    const found = await client.get(networkPolicies, manifest.metadata, signal);
    const { labels, annotations } = found.metadata;
    if (labels[label.network] === undefined) {
      const message = `NetworkPolicy ${name} belongs to someone else; the jobs of the namespace need the name for a policy of their pods`;
      throw new RefusedCall('NameConflict', { message, cause: error });
    }
    const wanted = (manifest.metadata['annotations'] ?? {}) as Readonly<Record<string, string>>;
    if (annotations[annotation.content] === wanted[annotation.content]) return wrote(kind, found);
    return applied(found.metadata.uid);
  }
}

async function resize(
  actor: Actor,
  call: Address & { uid: string; parallelism: number; completions: number | undefined },
  signal: AbortSignal,
): Promise<void> {
  const { namespace, name, uid, parallelism, completions } = call;
  const steps = [
    { op: 'replace', path: '/spec/parallelism', value: parallelism },
    ...(completions === undefined
      ? []
      : [{ op: 'replace', path: '/spec/completions', value: completions } as const]),
  ] as const;
  await unlessGone(
    actor.client
      .patch(batchJobs, { namespace, name, uid }, steps, signal)
      .then((job) => actor.wrote('Job', job)),
  );
}

/** What kubelet would say of a pod on a node that is away. */
async function failPod(
  client: KubeClient,
  at: Address & { uid: string },
  signal: AbortSignal,
): Promise<void> {
  const condition = {
    type: 'DisruptionTarget',
    status: 'True',
    reason: 'NodeLost',
    message: 'the node is not reachable, and the job asks for its pods to be replaced by force',
  };
  await client.patch(
    pods,
    { ...at, subresource: 'status' },
    [
      { op: 'add', path: '/status/conditions/-', value: condition },
      { op: 'replace', path: '/status/phase', value: 'Failed' },
    ],
    signal,
  );
}

/** What should not be there is not there. */
async function unlessGone(done: Promise<unknown>): Promise<void> {
  try {
    await done;
  } catch (error) {
    if (!isStatus(error, 404)) throw error;
  }
}

function resourceOf(actor: Actor, kind: CreatedKind | DeletedKind): Resource<KubeObject> {
  switch (kind) {
    case 'Job':
      return batchJobs;
    case 'Pod':
      return pods;
    case 'Service':
      return services;
    case 'NetworkPolicy':
      return networkPolicies;
    case 'PersistentVolumeClaim':
      return claims;
    case 'PodGroup':
      return podGroups(podGroupResources[actor.gang ?? 'Native']);
    default:
      return kind satisfies never;
  }
}

/** Errors that only a person can do something about get a sentence; others pass. */
function refused(call: Call, error: unknown): unknown {
  const action = 'kind' in call ? `${call.type} of ${call.kind}` : call.type;
  const object = makes(call) ? `${kindOf(call)} ${call.manifest.metadata.name}` : undefined;
  // A job that trained does not fail because a cluster has an older definition of what it made.
  return refusalOf(error, { action, object, ofSpec: call.type !== 'Record' });
}

function kindOf(call: Making): string {
  if (call.type === 'EnsurePlan') return 'ConfigMap';
  if (call.type === 'Record') return adapterNames.kind;
  return call.type === 'Share' ? 'NetworkPolicy' : call.kind;
}

type Making = Extract<
  Call,
  { readonly type: 'Create' | 'Apply' | 'EnsurePlan' | 'Share' | 'Record' }
>;

function makes(call: Call): call is Making {
  return 'manifest' in call;
}

/** What was sent is wrong by itself: the same would be refused for ever. */
