// Finds failures of the workers: a result that they recorded, a failed Job, pods that ended badly,
// and members of the world whose pods are gone. incident.ts decides what each costs.
import { Exit, isFailureCode } from '../../crds/failures/table.ts';
import { maxLost } from '../../crds/wire/state.ts';
import { none, type PolicyResult } from './decision.ts';
import { failureOfPod, meaningOf } from './end-meaning.ts';
import type { ChildJob, PodFacts } from './facts.ts';
import { gaveUp, incident } from './incident.ts';
import { openRound, restartsOf } from './restarts.ts';
import { fail } from './settle.ts';
import { podsOf, type View } from './view.ts';

/**
 * The workers agreed that the job has failed. It counts in every state of the job: they may have
 * recorded it while they were being stopped, and pods of a later revision would find it in the
 * record and end at once, again and again.
 */
export function failedResult(view: View): PolicyResult {
  const { workerRevision, result } = view.bus?.state ?? {};
  if (result?.type !== 'Failed') return none;
  const { code, message, index, step, exitCode } = result;
  return fail(view, {
    code: isFailureCode(code) ? code : 'E_INTERNAL',
    ...{ message, index, step, exitCode },
    node: nodeOf(view, workerRevision, index),
  });
}

export function failures(view: View): PolicyResult {
  const { workers } = view;
  if (workers === undefined) return none;
  if (workers.outcome?.type === 'Failed') return jobFailed(view, workers);
  const pod = latest(newlyFailed(view, workers));
  if (pod?.end === undefined) return lostMembers(view);
  const found = incident(view, { pod, meaning: meaningOf(pod, pod.end), jobGaveUp: false });
  return found.final ? found : withCount(view, workers, found);
}

/** Where the worker of this index runs, or ran last: a record of the workers does not tell. */
function nodeOf(
  view: View,
  workerRevision = view.workerRevision,
  index?: number,
): string | undefined {
  const pods = podsOf(view, 'worker', workerRevision).filter((pod) => pod.index === index);
  return pods.toSorted((a, b) => b.createdAt - a.createdAt)[0]?.node;
}

/** The Job controller ended the Job: by a permanent exit code, or because it had enough. */
function jobFailed(view: View, workers: ChildJob): PolicyResult {
  const failed = podsOf(view, 'worker', workers.number).filter(isCounted);
  const named = failed.find(({ name }) => workers.outcome?.message.includes(`/${name} `));
  if (workers.outcome?.reason === 'PodFailurePolicy') {
    const pod = named ?? latest(failed.filter(isPermanent)) ?? latest(failed);
    if (pod?.end !== undefined) return fail(view, failureOfPod(pod, pod.end));
    return fail(view, { code: 'E_INTERNAL', message: gaveUp(workers).message });
  }
  const pod = latest(failed);
  const meaning = pod?.end === undefined ? gaveUp(workers) : meaningOf(pod, pod.end);
  return incident(view, { pod, meaning, jobGaveUp: true });
}

/**
 * Failures that nobody has handled yet. With a bus, the round tells; without one, the failure count
 * of the Job does. While the bus is away no world is formed, and workers may handle a failure
 * before we see the record again: to count it now would count it twice.
 */
function newlyFailed(view: View, workers: ChildJob): readonly PodFacts[] {
  const failed = podsOf(view, 'worker', workers.number).filter(isCounted);
  const { bus } = view.facts;
  if (bus.type === 'Absent') return workers.failed > accounted(view, workers) ? failed : [];
  if (bus.type === 'Away') return [];
  const { state } = view;
  if (state === undefined) return [];
  const members = new Set([...bus.members.values()].map(({ podUID }) => podUID));
  const openedAt = Date.parse(state.opened.at);
  // A pod that died before it could join counts too, once: the next round is younger than it.
  return failed.filter(({ uid, createdAt }) => members.has(uid) || createdAt > openedAt);
}

function accounted({ status }: View, { number }: ChildJob): number {
  const { podFailures } = status.restarts ?? {};
  return podFailures?.workerRevision === number ? podFailures.count : 0;
}

function withCount(view: View, workers: ChildJob, found: PolicyResult): PolicyResult {
  if (view.bus !== undefined) return found;
  const podFailures = { workerRevision: workers.number, count: workers.failed };
  const restarts = { ...view.status.restarts, ...found.status?.restarts, podFailures };
  return { ...found, status: { ...found.status, restarts } };
}

/**
 * A member of the committed world has no pod any more and did not fail: it was evicted, drained or
 * deleted, or its node is gone.
 */
function lostMembers(view: View): PolicyResult {
  const { bus } = view;
  const { state } = view;
  if (bus === undefined || state?.world === undefined) return none;
  const pods = new Map(view.facts.pods.map((pod) => [pod.uid, pod]));
  const lost = [...bus.members.values()].filter(({ podUID, bootAt }) => {
    const pod = pods.get(podUID);
    // Our list of pods may be a little behind the bus, not a minute.
    return pod === undefined
      ? view.facts.now - Date.parse(bootAt) > informerLagMs
      : pod.end !== undefined;
  });
  const [first] = lost;
  if (first === undefined) return none;
  const disrupted = pods.get(first.podUID)?.disruption !== undefined;
  const restarts = restartsOf(view);
  return openRound(view, {
    cause: disrupted ? 'Disruption' : 'PodLost',
    restarts: { ...restarts, disruptions: restarts.disruptions + 1 },
    // A pod that is cut off from Kubernetes may run on and would join at once, to be lost again.
    lost: lost.map(({ podUID }) => podUID).slice(0, maxLost),
  });
}

const informerLagMs = 60_000;

/** Ended badly, and not because somebody took its node, removed it or asked it to stop. */
function isCounted({ end, disruption, isDeleting }: PodFacts): boolean {
  if (end === undefined || disruption !== undefined) return false;
  if (isDeleting && bySignal.has(end.exitCode) && end.reason !== 'OOMKilled') return false;
  return end.exitCode !== Exit.Done && end.exitCode !== Exit.PlannedStop;
}

/** How a container ends whose pod is deleted, with time to end or without. */
const bySignal: ReadonlySet<number> = new Set([137, 143]);

function isPermanent(pod: PodFacts): boolean {
  return pod.end !== undefined && meaningOf(pod, pod.end).retry === 'Permanent';
}

function latest(pods: readonly PodFacts[]): PodFacts | undefined {
  return pods.toSorted((a, b) => (b.end?.finishedAt ?? 0) - (a.end?.finishedAt ?? 0))[0];
}
