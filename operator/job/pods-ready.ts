// The pods of the current revision: how many are ready, why others are not, and which are replaced
// by force.
import { Component, label } from '../../crds/names/labels.ts';
import { type Call, none, type PolicyResult } from './decision.ts';
import type { ChildJob, PodFacts } from './facts.ts';
import { stalledBy } from './initialize.ts';
import {
  countByReason,
  isStalling,
  type PodProblem,
  podProblemsOf,
  worstOf,
} from './pod-problems.ts';
import { fail } from './settle.ts';
import { earliest, type View } from './view.ts';

export function podsReady(view: View): PolicyResult {
  const { workers } = view;
  if (workers === undefined || workers.suspended) return none;
  const { workerPods: pods } = view;
  const { found: problems, lookAt } = podProblemsOf(view, workers, pods);
  const worst = worstOf(problems);
  const ended = problems.find(({ fatal }) => fatal !== undefined && view.facts.now >= fatal.at);
  if (ended?.fatal !== undefined) return fail(view, ended.fatal.failure);
  const live = pods.filter(({ end, isDeleting }) => !end && !isDeleting);
  const ready = live.filter((pod) => pod.ready).length;
  const wanted = workers.parallelism;
  const result: PolicyResult = {
    conditions: [readiness(ready, wanted, worst)],
    status: { workers: countsOf(view, workers, live, ready, problems) },
    calls: replaceByForce(view, pods),
    wakeAt: earliest(lookAt, ...problems.map(({ fatal }) => fatal?.at)),
  };
  const stalls = worst !== undefined && isStalling(worst);
  return stalls ? { ...result, stalled: stalledBy(worst) } : result;
}

function readiness(ready: number, wanted: number, worst: PodProblem | undefined) {
  const type = 'PodsReady' as const;
  if (ready >= wanted) {
    return {
      ...{ type, status: 'True' as const, reason: 'AllReady' },
      message: `${ready} of ${wanted} workers are ready`,
    };
  }
  const message = worst?.message ?? 'the pods are being made';
  return {
    ...{ type, status: 'False' as const, reason: worst?.reason ?? 'Pending' },
    message: `${ready} of ${wanted} workers are ready; ${message}`,
  };
}

function countsOf(
  { facts }: View,
  workers: ChildJob,
  live: readonly PodFacts[],
  ready: number,
  problems: readonly PodProblem[],
) {
  return {
    replicas: live.length,
    ready,
    failed: workers.failed,
    summary: `${ready}/${workers.parallelism}`,
    selector: `${label.jobUid}=${facts.job.uid},${label.component}=${Component.Worker}`,
    notReadyReasons: countByReason(problems),
  };
}

/**
 * A pod on an unreachable node stays Terminating until its status says that it failed. It may still
 * run, which does no harm: nothing that it writes can be committed any more.
 */
function replaceByForce({ facts, spec }: View, pods: readonly PodFacts[]): readonly Call[] {
  if (spec.failurePolicy.nodeLostPolicy !== 'ForceReplace') return [];
  if (!facts.site.mayReplaceByForce) return [];
  return pods
    .filter(({ isDeleting, nodeUnreachable }) => isDeleting && nodeUnreachable)
    .flatMap(({ name, uid, end }): Call[] => [
      ...(end === undefined ? [{ type: 'FailPod', name, uid } as const] : []),
      { type: 'Delete', kind: 'Pod', name, uid, propagation: 'Background', graceSeconds: 0 },
    ]);
}
