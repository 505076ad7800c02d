// Other jobs that prepare the same model and data: in a sweep, one does it for all. A sibling has
// the same namespace, claim and request. Its result is what this job would have found where nothing
// can have changed since: the spec pins the sources, or this job existed already.
import type { Source } from '../../crds/api/source.ts';
import { annotation, Component, label } from '../../crds/names/labels.ts';
import { prepareDigest } from '../../crds/plan/prepare-digest.ts';
import { containerName, runName } from '../../crds/wire/pod.ts';
import { parseTerminationMessage } from '../../crds/wire/termination-message.ts';
import { sourcesOf } from '../objects/preparation.ts';
import { referencesOf } from '../objects/references.ts';
import { conditionOf, isTrue } from '../runtime/conditions.ts';
import { type KubeObject, keyOf } from '../runtime/resource.ts';
import type { Store } from '../runtime/store.ts';
import type { JobFacts, Sibling } from './facts.ts';
import type { BatchJob } from './observed/batch-job.ts';
import type { ObservedFineTuneJob } from './observed/fine-tune-job.ts';
import type { Pod } from './observed/pod.ts';

/** Jobs that prepare, by what they are asked for. */
export type ByRequest = 'request';

interface SiblingStores {
  readonly jobs: Store<ObservedFineTuneJob, 'uid'>;
  readonly batchJobs: Store<BatchJob, 'job' | ByRequest>;
  readonly pods: Store<Pod, 'job'>;
}

export function byRequest({ metadata }: KubeObject): readonly string[] {
  const digest = metadata.annotations[annotation.prepareDigest];
  return digest === undefined ? [] : [`${metadata.namespace}/${digest}`];
}

/** Jobs that wait for a sibling, by their namespace. */
export function byWaiting({ metadata, status }: ObservedFineTuneJob): readonly string[] {
  const { reason } = conditionOf(status.conditions ?? [], 'Initialized') ?? {};
  return reason === 'WaitsForSibling' ? [metadata.namespace] : [];
}

/** The end of a pod that prepares concerns those that wait for it: it is no child of theirs. */
export function wakeWaiting(
  {
    jobs,
    pods,
  }: { readonly jobs: Store<ObservedFineTuneJob, 'waiting'>; readonly pods: Store<Pod, 'job'> },
  changed: (key: string) => void,
): void {
  pods.subscribe(({ type, object: { metadata, status } }) => {
    if (metadata.labels[label.component] !== Component.Init) return;
    const hasEnded = status.phase === 'Succeeded' || status.phase === 'Failed';
    if (!hasEnded && type !== 'Deleted') return;
    for (const job of jobs.by('waiting', metadata.namespace)) changed(keyOf(job));
  });
}

/**
 * What a job asks for, and where: by this an operator knows who is at it before its informers do.
 * Undefined where that is nobody else's business.
 */
export function requestOf(job: ObservedFineTuneJob): string | undefined {
  const wanted = wantedBy(job);
  return wanted && [job.metadata.namespace, wanted.digest, wanted.claim].join('/');
}

/** Digest of the request, and the claim that it is for. */
function wantedBy({ metadata, spec, status }: ObservedFineTuneJob) {
  const claim = claimOf({ metadata, spec });
  if (spec === undefined || claim === undefined) return undefined;
  const digest = prepareDigest(spec);
  const isDone =
    isTrue(status.conditions ?? [], 'Initialized') && status.plan?.prepareSha256 === digest;
  return isDone ? undefined : { digest, claim };
}

function claimOf({ metadata, spec }: Pick<ObservedFineTuneJob, 'metadata' | 'spec'>) {
  return spec === undefined ? undefined : referencesOf({ name: metadata.name, spec }).shared;
}

export function siblingsOf(stores: SiblingStores, job: ObservedFineTuneJob): readonly Sibling[] {
  const wanted = wantedBy(job);
  if (wanted === undefined) return [];
  const { namespace, uid } = job.metadata;
  const same = stores.batchJobs.by('request', `${namespace}/${wanted.digest}`);
  return same.flatMap((init): readonly Sibling[] => {
    const { controlledBy, labels, deletionTimestamp } = init.metadata;
    const [owner] = stores.jobs.by('uid', controlledBy ?? '');
    const isTheirs = owner !== undefined && controlledBy !== uid;
    if (!isTheirs || labels[label.component] !== Component.Init) return [];
    if (deletionTimestamp !== undefined || claimOf(owner) !== wanted.claim) return [];
    const about = { name: owner.metadata.name, run: runName(owner.metadata) };
    const done = doneBy(stores.pods.by('job', owner.metadata.uid), init);
    if (done !== undefined) return [{ ...about, done }];
    return isWorking(init, owner) ? [{ ...about, done: undefined }] : [];
  });
}

/** One that waits in a queue, or was stopped, may never begin. */
function isWorking({ spec, status }: BatchJob, owner: ObservedFineTuneJob): boolean {
  const hasEnded = status.conditions?.some(
    ({ type, status: is }) => is === 'True' && (type === 'Complete' || type === 'Failed'),
  );
  const conditions = owner.status.conditions ?? [];
  const isStuck = isTrue(conditions, 'Failed') || isTrue(conditions, 'Stalled');
  return (
    hasEnded !== true && !spec.suspend && !isStuck && owner.metadata.deletionTimestamp === undefined
  );
}

function doneBy(pods: readonly Pod[], init: BatchJob): Sibling['done'] {
  for (const { metadata, status } of pods) {
    if (metadata.controlledBy !== init.metadata.uid) continue;
    const container = status.containerStatuses?.find(({ name }) => name === containerName.prepare);
    const { exitCode, message, finishedAt } = container?.state.terminated ?? {};
    const prepared = exitCode === 0 ? parseTerminationMessage(message)?.prepared : undefined;
    if (prepared !== undefined) return { at: Date.parse(finishedAt ?? ''), prepared };
  }
  return undefined;
}

/** The one whose work this job may take for its own. */
export function usable(siblings: readonly Sibling[], job: JobFacts): Sibling | undefined {
  const cannotChange = job.spec !== undefined && sourcesOf(job.spec).every(isPinned);
  return siblings.find(
    ({ done }) => done !== undefined && (cannotChange || done.at >= job.createdAt),
  );
}

/** A commit of a repository, the content of an image. */
function isPinned(source: Source | undefined): boolean {
  if (source === undefined) return true;
  const { huggingFace, image } = source;
  if (huggingFace !== undefined) return /^[0-9a-f]{40}$/.test(huggingFace.revision);
  return image?.reference.includes('@sha256:') === true;
}
