// Why pods are not running yet, in a word and in Kubernetes' own sentence, and when waiting longer
// is pointless.
import type { FineTuneJobStatus } from '../../crds/api/status.ts';
import type { ChildJob, PodFacts } from './facts.ts';
import type { FailureFacts } from './settle.ts';
import {
  admissionMs,
  isStarting,
  lacksPods,
  ordinaryReasons,
  silentSince,
  startMs,
  startsSince,
} from './silent-objects.ts';
import { earliest, has, later, sinceOf, type View } from './view.ts';

export interface PodProblem {
  readonly reason:
    | 'Unschedulable'
    | 'ImagePullFailed'
    | 'ContainerConfigError'
    | 'AdmissionDenied'
    | 'QuotaExceeded'
    | 'NodeLost'
    | 'Pending';
  readonly message: string;
  readonly example: string;
  /** Every pod passes through it: not worth a word of its own. */
  readonly ordinary?: boolean;
  /** When waiting ends, and what the job then failed of; absent: somebody else ends it. */
  readonly fatal?: { readonly at: number; readonly failure: FailureFacts } | undefined;
}

interface PodProblems {
  readonly found: readonly PodProblem[];
  /** When to look again: by then there may be a problem that no watch tells of. */
  readonly lookAt: number | undefined;
}

/** Nothing moves before something around the job changes. */
export function isStalling({ reason, fatal }: PodProblem): boolean {
  return fatal !== undefined || reason === 'QuotaExceeded';
}

/**
 * An image that is not there now may be pushed in a moment; one that may not be pulled stays so.
 */
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
const admissionLimitSeconds = 600;
/** Events are not followed: while they are all that is told, they are asked for again. */
const lookAgainMs = 60_000;

export function podProblemsOf(view: View, job: ChildJob, pods: readonly PodFacts[]): PodProblems {
  const refused = refusedPods(view, job, pods);
  const starting = pods.filter(isStarting);
  const { now } = view.facts;
  const looks = starting.map((pod) => later(startMs / 1000, startsSince(pod)));
  return {
    found: [...refused.found, ...problemsOfPods(view, pods)],
    lookAt: earliest(refused.lookAt, ...looks.map((at) => (at > now ? at : now + lookAgainMs))),
  };
}

function problemsOfPods(view: View, pods: readonly PodFacts[]): readonly PodProblem[] {
  const waiting = pods.filter(({ ready, end, isDeleting }) => !ready && !end && !isDeleting);
  const lost = pods.filter(({ nodeUnreachable, end }) => nodeUnreachable && !end);
  return [
    ...lost.map(({ name, node }) => ({
      reason: 'NodeLost' as const,
      message: `node ${node} of pod ${name} is not reachable`,
      example: name,
    })),
    ...waiting
      .filter(({ nodeUnreachable }) => !nodeUnreachable)
      .map((pod) => podProblemOf(view, pod)),
  ];
}

function podProblemOf(view: View, pod: PodFacts): PodProblem {
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
  const told = view.facts.warnings?.get(pod.uid);
  if (told !== undefined && isStarting(pod)) {
    return { reason: 'Pending', message: `${told.reason}: ${told.message}`, example };
  }
  const message = waiting?.message || waiting?.reason || 'containers are starting';
  const ordinary = waiting === undefined || ordinaryReasons.has(waiting.reason);
  return { reason: 'Pending', message, example, ordinary };
}

/** A Job that lacks pods: nobody makes them, or nobody lets them in. Its events tell which. */
function refusedPods(view: View, job: ChildJob, pods: readonly PodFacts[]): PodProblems {
  if (!lacksPods(job)) return none;
  const { now, warnings } = view.facts;
  const told = warnings?.get(job.uid);
  const hasNone = pods.length === 0 && job.active === 0 && job.terminating === 0;
  const began = silentSince(job, pods);
  // Pods that existed were not refused: they were lost just now, or when the condition changed.
  const since = hasNone ? Math.max(began, sinceOf(view, 'PodsReady') ?? began) : began;
  const patience = admissionMs / 1000 + backoffSeconds(job.failed);
  const due = later(patience, since);
  if (now < due) return { found: [], lookAt: due };
  const lookAt = now + lookAgainMs;
  // An event from before its newest pod is over. Without an event, a few missing pods are no
  // problem of ours to explain.
  const isRefusal = told?.reason === 'FailedCreate' && told.at >= began;
  const words = isRefusal ? withoutPod(told.message) : undefined;
  if (words === undefined && (!hasNone || has(view, 'PodsReady'))) return { found: [], lookAt };
  const quiet = `a quota, limit range or policy refuses them (kubectl describe job ${job.name} shows its words)`;
  const message = `Job ${job.name} gets no pods: ${words ?? quiet}`;
  // Room in a quota comes when others end; nothing else that refuses a pod changes by itself.
  if (words !== undefined && /exceeded quota/i.test(words)) {
    return { found: [{ reason: 'QuotaExceeded', message, example: job.name }], lookAt };
  }
  const at = later(admissionLimitSeconds + backoffSeconds(job.failed), since);
  const failure = { code: 'E_ADMISSION_DENIED', message } as const;
  const fatal = { at, failure };
  return { found: [{ reason: 'AdmissionDenied', message, example: job.name, fatal }], lookAt };
}

/** Each try is a pod of another name; what speaks against them all stays the same. */
function withoutPod(words: string): string {
  return words.replace(/^Error creating: (pods "[^"]*" is forbidden: )?/, '');
}

const none: PodProblems = { found: [], lookAt: undefined };

/**
 * How long the Job controller itself waits before it replaces a pod: twice as long after each one.
 */
function backoffSeconds(failed: number): number {
  return failed === 0 ? 0 : Math.min(360, 10 * 2 ** (failed - 1));
}

/** The worst first: what cannot pass by itself before what only takes time. */
const order: readonly PodProblem['reason'][] = [
  'AdmissionDenied',
  'QuotaExceeded',
  'ImagePullFailed',
  'ContainerConfigError',
  'NodeLost',
  'Unschedulable',
  'Pending',
];

export function worstOf(problems: readonly PodProblem[]): PodProblem | undefined {
  return problems.toSorted((a, b) => order.indexOf(a.reason) - order.indexOf(b.reason))[0];
}

type NotReadyReasons = NonNullable<NonNullable<FineTuneJobStatus['workers']>['notReadyReasons']>;

const mostReasons = 16;

export function countByReason(problems: readonly PodProblem[]): NotReadyReasons {
  const counts = new Map<string, { reason: string; count: number; example: string }>();
  for (const { reason, example } of problems) {
    const known = counts.get(reason);
    counts.set(reason, {
      reason,
      count: (known?.count ?? 0) + 1,
      example: known?.example ?? example,
    });
  }
  return [...counts.values()].slice(0, mostReasons);
}
