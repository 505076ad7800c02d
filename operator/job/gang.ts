// All workers start or none does. This picks the scheduler that guarantees it. Where none can, the
// Job is removed when its pods found no nodes in time, and created again after a pause with random
// jitter, so that two gangs which hold half of the nodes each do not block each other for ever.
import type { FineTuneJobSpec } from '../../crds/api/job.ts';
import { digestOf } from '../../crds/plan/digest.ts';
import { fewestWorkers } from '../../crds/plan/world.ts';
import type { GangFlavour } from '../objects/pod-group.ts';
import { timeText } from '../runtime/conditions.ts';
import { none, type PolicyResult } from './decision.ts';
import type { ChildJob, SiteFacts } from './facts.ts';
import { fail } from './settle.ts';
import { later, sinceOf, type View } from './view.ts';
import { leaveRevision } from './worker-revisions.ts';

type Gang = GangFlavour | 'Queue' | 'Fallback' | 'None';

/** In the order of preference. */
const flavours: readonly GangFlavour[] = ['Native', 'Coscheduling', 'Volcano'];

export function gangOf({ scheduling, worker }: FineTuneJobSpec, { gangs }: SiteFacts): Gang {
  if (scheduling.gang !== 'Auto') return scheduling.gang;
  if (scheduling.queueName !== undefined) return 'Queue';
  if (worker.replicas === 1) return 'Fallback';
  return flavours.find((each) => gangs.includes(each)) ?? 'Fallback';
}

export function schedulingDeadline(view: View): PolicyResult {
  const { workers } = view;
  if (workers === undefined || workers.suspended || workers.outcome !== undefined) return none;
  const { workerPods: pods } = view;
  const placed = new Set(
    pods.filter((pod) => pod.scheduledAt !== undefined).map(({ index }) => index),
  );
  if (placed.size >= fewestWorkers(view.spec.worker)) return forgetAttempts(view);
  const seconds = view.spec.scheduling.schedulingTimeoutSeconds;
  // A pod that is lost after all had a node gets as much time again for its replacement.
  const missingSince = sinceOf(view, 'PodsReady') ?? 0;
  const due = later(seconds, Math.max(workers.startedAt ?? workers.createdAt, missingSince));
  if (view.facts.now < due) return { wakeAt: due };
  const missing = fewestWorkers(view.spec.worker) - placed.size;
  const words = pods.find(({ unschedulable }) => unschedulable !== undefined)?.unschedulable;
  const message = `${missing} of ${fewestWorkers(view.spec.worker)} workers found no node within ${seconds} s${words === undefined ? '' : `: ${words}`}`;
  if (gangOf(view.spec, view.facts.site) === 'None') {
    return fail(view, { code: 'E_UNSCHEDULABLE', message });
  }
  return startOver(view, workers, message);
}

const firstPauseSeconds = 30;
const longestPauseSeconds = 600;
const jitter = 0.5;

function startOver(view: View, workers: ChildJob, message: string): PolicyResult {
  const { restarts } = view.status;
  const attempts = (restarts?.schedulingAttempts ?? 0) + 1;
  const pause = Math.min(firstPauseSeconds * 2 ** (attempts - 1), longestPauseSeconds);
  const random = drawOf(view.facts.job.uid, view.workerRevision);
  const next = later(pause * (1 + jitter * random), view.facts.now);
  const nextStartTime = timeText(next + 999);
  const left = leaveRevision(view, workers);
  return {
    status: {
      ...left.status,
      restarts: { ...restarts, schedulingAttempts: attempts, nextStartTime },
      workers: undefined,
    },
    calls: left.calls,
    conditions: [{ type: 'PodsReady', status: 'False', reason: 'Unschedulable', message }],
    stalled: {
      reason: 'GangTimeout',
      message: `${message}; the workers are started again at ${nextStartTime}`,
    },
    events: [{ type: 'Warning', reason: 'GangTimeout', note: message, action: 'StartOver' }],
    wakeAt: Date.parse(nextStartTime),
    final: true,
  };
}

function forgetAttempts({ status }: View): PolicyResult {
  if (status.restarts?.schedulingAttempts === undefined) return none;
  const { schedulingAttempts: _, nextStartTime: __, ...restarts } = status.restarts;
  return { status: { restarts } };
}

/** In [0, 1), the same for the same job and revision: a decision is a function of its facts. */
export function drawOf(uid: string, workerRevision: number): number {
  return Number.parseInt(digestOf([uid, workerRevision]).slice(0, 8), 16) / 2 ** 32;
}
