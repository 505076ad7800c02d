// Stops workers on purpose: they are asked to save, and removed when they have, or at the deadline.
// Without a bus there is only SIGTERM and the grace period of the pod.

import { hasStopped } from './deadline.ts';
import type { PolicyResult } from './decision.ts';
import { desiredOf } from './desired.ts';
import type { ChildJob } from './facts.ts';
import { later, sinceOf, type View } from './view.ts';
import { leaveRevision } from './worker-revisions.ts';

export const stopping = { type: 'Suspended', status: 'Unknown', reason: 'Suspending' } as const;

export function stopWorkers(view: View, workers: ChildJob, why: string): PolicyResult {
  const { facts, spec } = view;
  const isStopping = view.status.conditions?.some(
    ({ type, status }) => type === 'Suspended' && status === 'Unknown',
  );
  const since = isStopping ? (sinceOf(view, 'Suspended') ?? facts.now) : facts.now;
  const deadline = later(spec.suspendTimeoutSeconds, since);
  const training = view.state?.world !== undefined && !workers.suspended;
  const late = facts.now >= deadline;
  if (training && !late && !hasStopped(view)) {
    const wanted = desiredOf(view, { stop: 'Save', deadline });
    return {
      conditions: [{ ...stopping, message: `${why}: the workers are saving` }],
      calls: wanted === undefined ? [] : [wanted],
      wakeAt: deadline,
      final: true,
    };
  }
  const next = leaveRevision(view, workers);
  const atRisk = view.status.checkpoint?.stepsAtRisk;
  return {
    conditions: [
      { ...stopping, message: `${why}: the workers are being removed` },
      ...ended(view, why),
    ],
    ...next,
    events: training && late ? [notSaved(spec.suspendTimeoutSeconds, atRisk)] : [],
    wakeAt: facts.now,
    final: true,
  };
}

/** Conditions about workers that are not there. */
export function ended({ status }: View, message: string): NonNullable<PolicyResult['conditions']> {
  const reasons = {
    PodsReady: 'Pending',
    Running: 'Stopped',
    Restarting: 'Restarted',
    Resizing: 'Resized',
  } as const;
  return (['PodsReady', 'Running', 'Restarting', 'Resizing'] as const)
    .filter((type) =>
      status.conditions?.some((each) => each.type === type && each.status === 'True'),
    )
    .map((type) => ({ type, status: 'False' as const, reason: reasons[type], message }));
}

function notSaved(seconds: number, steps: number | undefined) {
  const lost = steps === undefined ? 'steps since the last checkpoint are' : `${steps} steps are`;
  return {
    type: 'Warning',
    reason: 'NotSaved',
    note: `the workers did not save within ${seconds} s; ${lost} done again after resuming`,
    action: 'Stop',
  } as const;
}
