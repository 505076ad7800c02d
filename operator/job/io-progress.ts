// How an init or publish Job stands: not there, at work, done with its termination message, or
// failed.
import type { TerminationMessage } from '../../crds/wire/termination-message.ts';
import { failureOfPod } from './end-meaning.ts';
import type { ChildJob, PodFacts } from './facts.ts';
import { type PodProblem, podProblemsOf, worstOf } from './pod-problems.ts';
import type { FailureFacts } from './settle.ts';
import { earliest, later, podsOf, type View } from './view.ts';

type IoProgress =
  | {
      readonly type: 'Working';
      readonly problem: PodProblem | undefined;
      readonly wakeAt: number | undefined;
    }
  | { readonly type: 'Done'; readonly terminationMessage: TerminationMessage | undefined }
  | { readonly type: 'Failed'; readonly failure: FailureFacts };

/** The Job may be seen finished before the pod that finished it. */
const podLagSeconds = 30;

export function progressOf(view: View, job: ChildJob, component: 'init' | 'publish'): IoProgress {
  const pods = podsOf(view, component, job.number);
  const { outcome } = job;
  // The message of the pod is as good as the outcome of the Job, which comes a second later. Of a
  // publish Job the outcome is awaited, because its pods are cleaned up after it.
  const prepared = pods.find(
    ({ end }) => end?.exitCode === 0 && end.terminationMessage?.prepared !== undefined,
  );
  if (prepared !== undefined)
    return { type: 'Done', terminationMessage: prepared.end?.terminationMessage };
  if (outcome === undefined) return working(view, job, pods);
  const ended = pods.filter(({ end }) => end !== undefined);
  const until = later(podLagSeconds, outcome.at);
  if (ended.length === 0 && view.facts.now < until) {
    return { type: 'Working', problem: undefined, wakeAt: until };
  }
  if (outcome.type === 'Complete') {
    const good = ended.find(({ end }) => end?.exitCode === 0);
    return { type: 'Done', terminationMessage: good?.end?.terminationMessage };
  }
  return { type: 'Failed', failure: lastFailure(ended) ?? withoutPod(job, component) };
}

function working(view: View, job: ChildJob, pods: readonly PodFacts[]): IoProgress {
  const { found, lookAt } = podProblemsOf(view, job, pods);
  const problem = worstOf(found.map((each) => unplaced(view, each, pods)));
  const { fatal } = problem ?? {};
  if (fatal !== undefined && view.facts.now >= fatal.at) {
    return { type: 'Failed', failure: fatal.failure };
  }
  // A pod that starts as all pods do changes nothing in what is said: each word is a write.
  const told = problem?.ordinary === true ? undefined : problem;
  return { type: 'Working', problem: told, wakeAt: earliest(fatal?.at, lookAt) };
}

/**
 * Workers without nodes are retried as a whole. This is one pod, which the scheduler retries until
 * its time is over.
 */
function unplaced(view: View, problem: PodProblem, pods: readonly PodFacts[]): PodProblem {
  if (problem.reason !== 'Unschedulable') return problem;
  const seconds = view.spec.scheduling.schedulingTimeoutSeconds;
  const pod = pods.find(({ name }) => name === problem.example);
  const at = later(seconds, pod?.createdAt ?? view.facts.now);
  const message = `pod ${problem.example} found no node within ${seconds} s: ${problem.message}`;
  return { ...problem, fatal: { at, failure: { code: 'E_UNSCHEDULABLE', message } } };
}

/** The last pod that failed: the ones before it were tried again. */
function lastFailure(ended: readonly PodFacts[]): FailureFacts | undefined {
  const failed = ended
    .filter(({ end }) => end !== undefined && end.exitCode !== 0)
    .toSorted((a, b) => (b.end?.finishedAt ?? 0) - (a.end?.finishedAt ?? 0));
  const [pod] = failed;
  return pod?.end === undefined ? undefined : failureOfPod(pod, pod.end);
}

function withoutPod({ name, outcome }: ChildJob, component: 'init' | 'publish'): FailureFacts {
  const code = component === 'publish' ? 'E_PUBLISH_FAILED' : 'E_INTERNAL';
  return { code, message: `Job ${name} failed: ${outcome?.message || outcome?.reason}` };
}
