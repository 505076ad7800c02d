// A queue decides about quota by the `suspend` field of the worker Job. What it decided, and its own words, are mirrored; nothing is written
// to a Job that it holds back.
import { conditionOf } from '../runtime/conditions.ts';
import { none, type Opinion } from './decision.ts';
import { ended } from './stop-workers.ts';
import { currentWorkers, has, type View } from './view.ts';

export function queue(view: View): Opinion {
  const { queueName } = view.spec.scheduling;
  const workers = currentWorkers(view);
  if (queueName === undefined || workers === undefined) return none;
  const told = view.facts.queue;
  const status = {
    queue: {
      name: queueName,
      ...(told === undefined
        ? {}
        : { workload: told.workload, reason: told.message || told.reason }),
    },
  };
  if (!workers.suspended) {
    const message = `queue ${queueName} admitted the workers`;
    return {
      conditions: [{ type: 'QuotaReserved', status: 'True', reason: 'Admitted', message }],
      status,
    };
  }
  const { reason, message } = waiting(view, queueName, told?.message);
  return {
    conditions: [
      { type: 'QuotaReserved', status: 'False', reason, message },
      ...ended(view, message),
    ],
    status: { ...status, workers: undefined },
    final: true,
  };
}

function waiting(view: View, name: string, words: string | undefined) {
  if (!view.facts.site.hasQueues) {
    return {
      reason: 'QueueControllerMissing',
      message: `queue ${name} is set, but no queue controller is installed; the workers will not start`,
    };
  }
  const before = conditionOf(view.status.conditions ?? [], 'QuotaReserved')?.reason;
  const preempted = has(view, 'QuotaReserved') || before === 'Preempted';
  const reason = preempted ? 'Preempted' : 'Pending';
  const own = preempted ? `queue ${name} took the quota back` : `waiting in queue ${name}`;
  return { reason, message: words === undefined || words === '' ? own : `${own}: ${words}` };
}
