// The time that a job may be active, without the time that it is suspended or queued. Kept as a sum
// and the start of the present stretch, so that it survives restarts of the operator. At the
// deadline, workers save first.
import { conditionOf, isTrue, timeText } from '../runtime/conditions.ts';
import { type Call, none, type PolicyResult } from './decision.ts';
import { desiredOf } from './desired.ts';
import { fail } from './settle.ts';
import { later, type View } from './view.ts';

/** Stops or starts the clock, by what the other policies found. Asked last. */
export function countTime({ facts, status }: View): PolicyResult {
  const conditions = status.conditions ?? [];
  const quota = conditionOf(conditions, 'QuotaReserved');
  const paused =
    isTrue(conditions, 'Suspended') ||
    (quota !== undefined && quota.status === 'False') ||
    isTrue(conditions, 'Complete') ||
    isTrue(conditions, 'Failed');
  const since = status.activeSince;
  if (paused) {
    if (since === undefined) return none;
    const seconds = activeSeconds({ facts, status });
    return { status: { activeSeconds: seconds, activeSince: undefined } };
  }
  return since === undefined ? { status: { activeSince: timeText(facts.now) } } : none;
}

/** When the time of the job is over; undefined where it has no limit, or is not active. */
export function deadlineOf({ spec, status }: View): number | undefined {
  const { activeSince, activeSeconds: before = 0 } = status;
  const limit = spec.activeDeadlineSeconds;
  if (limit === undefined || activeSince === undefined) return undefined;
  return later(limit - before, Date.parse(activeSince));
}

/** The end of a job whose time is over. */
export function overdue(view: View): PolicyResult | undefined {
  const due = deadlineOf(view);
  if (due === undefined || view.facts.now < due) return undefined;
  return fail(view, {
    code: 'E_DEADLINE_EXCEEDED',
    message: `the job was active for ${view.spec.activeDeadlineSeconds} s, which is all that activeDeadlineSeconds gives it`,
    step: view.state?.checkpoint?.step,
  });
}

export function deadline(view: View): PolicyResult {
  const due = deadlineOf(view);
  if (due === undefined) return none;
  if (view.facts.now < due) return { wakeAt: due };
  const last = later(view.spec.suspendTimeoutSeconds, due);
  const call = savingFirst(view, last);
  if (call !== undefined) return { calls: call, wakeAt: last, final: true };
  return overdue(view) ?? none;
}

/** Calls while a last checkpoint is awaited; undefined when there is nothing to wait for. */
function savingFirst(view: View, last: number): readonly Call[] | undefined {
  const world = view.state?.world;
  if (world === undefined || view.facts.now >= last) return undefined;
  if (view.workers === undefined || hasStopped(view)) return undefined;
  const wanted = desiredOf(view, { stop: 'Save', deadline: last });
  return wanted === undefined ? [] : [wanted];
}

/** Every member of the world has saved and stopped. */
export function hasStopped(view: View): boolean {
  const { size = 0 } = view.state?.world ?? {};
  const acks = [...(view.bus?.acks.values() ?? [])];
  return acks.filter(({ stoppedStep }) => stoppedStep !== undefined).length >= size;
}

function activeSeconds({ facts, status }: Pick<View, 'facts' | 'status'>): number {
  const { activeSince, activeSeconds: before = 0 } = status;
  if (activeSince === undefined) return before;
  return before + Math.max(0, Math.round((facts.now - Date.parse(activeSince)) / 1000));
}
