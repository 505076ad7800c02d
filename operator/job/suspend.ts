// `spec.suspend`: workers save and go, and come back as the next epoch. Initial work on data goes on; nothing new is begun.
import { conditionOf } from '../runtime/conditions.ts';
import { none, type Opinion } from './decision.ts';
import { removeOutdated } from './epochs.ts';
import { ended, stopWorkers } from './stop-workers.ts';
import { currentWorkers, type View } from './view.ts';

export function suspend(view: View): Opinion {
  const before = conditionOf(view.status.conditions ?? [], 'Suspended');
  const workers = currentWorkers(view);
  if (!view.spec.suspend) {
    // A stop for a changed plan runs under the same condition; only when it is over do workers start again.
    const over = before !== undefined && before.status !== 'False';
    if (!over || (before.status === 'Unknown' && workers !== undefined)) return none;
    const message = 'the workers may start';
    return { conditions: [{ type: 'Suspended', status: 'False', reason: 'Resumed', message }] };
  }
  if (workers !== undefined) return stopWorkers(view, workers, 'spec.suspend is true');
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
