// `spec.suspend`: workers save and go, and come back as the next revision. Initial work on data
// goes on; nothing new is begun.
import { conditionOf } from '../runtime/conditions.ts';
import { none, type PolicyResult } from './decision.ts';
import { isInPool } from './pooled.ts';
import { ended, stopping, stopWorkers } from './stop-workers.ts';
import type { View } from './view.ts';
import { removeOutdated } from './worker-revisions.ts';

export function suspend(view: View): PolicyResult {
  const before = conditionOf(view.status.conditions ?? [], 'Suspended');
  const { workers } = view;
  if (!view.spec.suspend) {
    // A stop for a changed plan uses the same condition; workers start again only when it is over.
    const over = before !== undefined && before.status !== 'False';
    if (!over || (before.status === 'Unknown' && workers !== undefined)) return none;
    const message = 'the workers may start';
    return { conditions: [{ type: 'Suspended', status: 'False', reason: 'Resumed', message }] };
  }
  if (workers !== undefined) return stopWorkers(view, workers, 'spec.suspend is true');
  const left = whatIsLeft(view);
  if (left !== undefined) {
    const message = `spec.suspend is true: ${left}`;
    return {
      conditions: [{ ...stopping, message }, ...ended(view, message)],
      calls: removeOutdated(view),
      final: true,
    };
  }
  const message = 'spec.suspend is true: there are no workers on purpose';
  return {
    conditions: [
      { type: 'Suspended', status: 'True', reason: 'SuspendedByUser', message },
      ...ended(view, message),
    ],
    calls: removeOutdated(view),
    final: true,
  };
}

/**
 * A removed Job is gone before its pods, which have a grace period and wait for the garbage
 * collector. Until then they use what a suspended job is to leave to others. A pod that is deleted
 * on an unreachable node is not waited for: it may stay for ever.
 */
function whatIsLeft(view: View): string | undefined {
  const { facts } = view;
  if (isInPool(view)) return 'the pool has yet to let it go';
  const [job] = facts.workers;
  if (job !== undefined) return `Job ${job.name} is being removed`;
  const pods = facts.leftPods.filter(
    ({ end, isDeleting, nodeUnreachable }) => !end && !(isDeleting && nodeUnreachable),
  );
  const [first] = pods;
  if (first === undefined) return undefined;
  const others = pods.length === 1 ? '' : ` and ${pods.length - 1} more`;
  return `pod ${first.name}${others} ${pods.length === 1 ? 'has' : 'have'} yet to end`;
}
