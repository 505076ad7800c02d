// Why pods are not running yet, in a word and in Kubernetes' own sentence, and when waiting longer is pointless.
import type { FineTuneJobStatus } from '../../crds/api/status.ts';
import type { ChildJob, PodFacts } from './facts.ts';
import type { FailureFacts } from './settle.ts';
import { has, later, sinceOf, type View } from './view.ts';

export interface Trouble {
  readonly reason:
    | 'Unschedulable'
    | 'ImagePullFailed'
    | 'ContainerConfigError'
    | 'AdmissionDenied'
    | 'NodeLost'
    | 'Pending';
  readonly message: string;
  readonly example: string;
  /** Every pod passes through it: not worth a word of its own. */
  readonly ordinary?: boolean;
  /** When waiting ends, and what the job then failed of; absent: somebody else ends it. */
  readonly fatal?: { readonly at: number; readonly failure: FailureFacts } | undefined;
}

/** An image that is not there now may be pushed in a moment; one that may not be pulled stays so. */
const imageSeconds = 600;
const hopelessImage =
  /not ?found|unauthori[sz]ed|denied|manifest unknown|invalid reference|InvalidImageName/i;
const imageReasons = new Set([
  'ErrImagePull',
  'ImagePullBackOff',
  'ErrImageNeverPull',
  'InvalidImageName',
  'RegistryUnavailable',
]);
/** The Job controller makes pods within a moment where nothing refuses them. */
const admissionSeconds = 30;
const admissionLimitSeconds = 600;

export function troublesOf(
  view: View,
  job: ChildJob,
  pods: readonly PodFacts[],
): readonly Trouble[] {
  const waiting = pods.filter(({ ready, end, isDeleting }) => !ready && !end && !isDeleting);
  const lost = pods.filter(({ nodeUnreachable, end }) => nodeUnreachable && !end);
  if (pods.length === 0 && job.active === 0 && job.terminating === 0 && job.outcome === undefined) {
    return refusedPods(view, job);
  }
  return [
    ...lost.map(({ name, node }) => ({
      reason: 'NodeLost' as const,
      message: `node ${node} of pod ${name} is not reachable`,
      example: name,
    })),
    ...waiting.filter(({ nodeUnreachable }) => !nodeUnreachable).map((pod) => troubleOf(view, pod)),
  ];
}

function troubleOf(view: View, pod: PodFacts): Trouble {
  const { name: example, waiting, unschedulable } = pod;
  const since = pod.scheduledAt ?? pod.createdAt;
  if (unschedulable !== undefined)
    return { reason: 'Unschedulable', message: unschedulable, example };
  if (waiting !== undefined && imageReasons.has(waiting.reason)) {
    const message = `${waiting.reason}: ${waiting.message}`;
    const hopeless = hopelessImage.test(message);
    const at = hopeless ? since : later(imageSeconds, since);
    const failure = { code: 'E_IMAGE_PULL', message: `pod ${example}: ${message}` } as const;
    return { reason: 'ImagePullFailed', message, example, fatal: { at, failure } };
  }
  if (waiting?.reason === 'CreateContainerConfigError') {
    const { message } = waiting;
    const at = later(view.spec.scheduling.schedulingTimeoutSeconds, since);
    const failure = {
      code: 'E_REFERENCE_NOT_FOUND',
      message: `pod ${example}: ${message}`,
    } as const;
    return { reason: 'ContainerConfigError', message, example, fatal: { at, failure } };
  }
  const message = waiting?.message || waiting?.reason || 'containers are starting';
  const ordinary = waiting === undefined || ordinaryReasons.has(waiting.reason);
  return { reason: 'Pending', message, example, ordinary };
}

const ordinaryReasons: ReadonlySet<string> = new Set(['ContainerCreating', 'PodInitializing']);

function refusedPods(view: View, job: ChildJob): readonly Trouble[] {
  if (job.suspended || has(view, 'PodsReady')) return [];
  const started = job.startedAt ?? job.createdAt;
  // Pods that were there were not refused: their loss is a moment ago, or as old as the condition says.
  const since = Math.max(started, sinceOf(view, 'PodsReady') ?? started);
  const patience = admissionSeconds + backoffSeconds(job.failed);
  if (view.facts.now < later(patience, since)) return [];
  const message = `Job ${job.name} has had no pod for ${patience} s: a quota, limit range or policy refuses them (kubectl describe job ${job.name} shows its words)`;
  const at = later(admissionLimitSeconds + backoffSeconds(job.failed), since);
  const failure = { code: 'E_ADMISSION_DENIED', message } as const;
  return [{ reason: 'AdmissionDenied', message, example: job.name, fatal: { at, failure } }];
}

/** How long the Job controller itself waits before it replaces a pod: twice as long after each one. */
function backoffSeconds(failed: number): number {
  return failed === 0 ? 0 : Math.min(360, 10 * 2 ** (failed - 1));
}

/** The worst first: what cannot pass by itself before what only takes time. */
const order: readonly Trouble['reason'][] = [
  'AdmissionDenied',
  'ImagePullFailed',
  'ContainerConfigError',
  'NodeLost',
  'Unschedulable',
  'Pending',
];

export function worstOf(troubles: readonly Trouble[]): Trouble | undefined {
  return troubles.toSorted((a, b) => order.indexOf(a.reason) - order.indexOf(b.reason))[0];
}

type NotReadyReasons = NonNullable<NonNullable<FineTuneJobStatus['workers']>['notReadyReasons']>;

const mostReasons = 16;

export function countByReason(troubles: readonly Trouble[]): NotReadyReasons {
  const counts = new Map<string, { reason: string; count: number; example: string }>();
  for (const { reason, example } of troubles) {
    const known = counts.get(reason);
    counts.set(reason, {
      reason,
      count: (known?.count ?? 0) + 1,
      example: known?.example ?? example,
    });
  }
  return [...counts.values()].slice(0, mostReasons);
}
