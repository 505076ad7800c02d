// A queue controls quota by the `suspend` field of a Job. Its decision and its message are mirrored
// into the status; nothing is written to a Job that it holds back. A suspended Job without a queue
// was suspended by somebody else, which is reported too: it will not start by itself.
import { auxiliaryQueue } from '../objects/scheduling.ts';
import { conditionOf } from '../runtime/conditions.ts';
import { none, type PolicyResult } from './decision.ts';
import type { ChildJob } from './facts.ts';
import { ended } from './stop-workers.ts';
import { has, type View } from './view.ts';

interface Held extends PolicyResult {
  /** Why the Job does not start. */
  readonly message: string;
}

/** Of workers. */
export function queue(view: View): PolicyResult {
  const { queueName } = view.spec.scheduling;
  const { workers } = view;
  if (workers === undefined) return none;
  const held = heldBack(view, workers, queueName);
  if (held === undefined) return admitted(view, queueName);
  const { message, ...result } = held;
  return {
    ...result,
    conditions: [
      ...(result.conditions ?? []),
      ...ended(view, message),
      ...(queueName === undefined ? [notReady(message)] : []),
    ],
    status: { ...result.status, workers: undefined },
    final: true,
  };
}

/** Of a Job that prepares or publishes. */
export function auxiliaryHeld(view: View, job: ChildJob): Held | undefined {
  return heldBack(view, job, auxiliaryQueue(view.spec));
}

export function auxiliaryAdmitted(view: View): PolicyResult {
  return admitted(view, auxiliaryQueue(view.spec));
}

/** A Job that is about to be created waits from the start: that is no preemption. */
export function enqueued(queueName: string | undefined): NonNullable<PolicyResult['conditions']> {
  if (queueName === undefined) return [];
  const message = `waiting in queue ${queueName}`;
  return [{ type: 'QuotaReserved', status: 'False', reason: 'Pending', message }];
}

function heldBack(view: View, job: ChildJob, queueName: string | undefined): Held | undefined {
  if (!job.suspended) return undefined;
  if (queueName === undefined) {
    const message = `Job ${job.name} was suspended by somebody else; where a queue manages all Jobs of the namespace, spec.scheduling.queueName must name one`;
    return { message, stalled: { reason: 'SuspendedElsewhere', message } };
  }
  const { reason, message } = waiting(view, queueName);
  return {
    message,
    conditions: [{ type: 'QuotaReserved', status: 'False', reason, message }],
    status: statusOf(view, queueName),
  };
}

function admitted(view: View, queueName: string | undefined): PolicyResult {
  if (queueName === undefined) return none;
  const message = `queue ${queueName} admitted the pods`;
  return {
    conditions: [{ type: 'QuotaReserved', status: 'True', reason: 'Admitted', message }],
    status: statusOf(view, queueName),
  };
}

function statusOf({ facts: { queue: told } }: View, name: string) {
  const words =
    told === undefined ? {} : { workload: told.workload, reason: told.message || told.reason };
  return { queue: { name, ...words } };
}

function waiting(view: View, name: string) {
  if (!view.facts.site.hasQueues) {
    return {
      reason: 'QueueControllerMissing',
      message: `queue ${name} is set, but no queue controller is installed; the pods will not start`,
    };
  }
  const words = view.facts.queue?.message;
  const before = conditionOf(view.status.conditions ?? [], 'QuotaReserved')?.reason;
  const preempted = has(view, 'QuotaReserved') || before === 'Preempted';
  const reason = preempted ? 'Preempted' : 'Pending';
  const own = preempted ? `queue ${name} took the quota back` : `waiting in queue ${name}`;
  return { reason, message: words === undefined || words === '' ? own : `${own}: ${words}` };
}

function notReady(message: string) {
  return { type: 'PodsReady', status: 'False', reason: 'Pending', message } as const;
}
