// The phase: one word for people, computed from conditions by this function alone and written
// beside them. Nothing reads it to decide.
import type { Condition, Phase } from '../../crds/api/conditions.ts';
import { conditionOf, isTrue } from '../runtime/conditions.ts';

export function phaseOf(conditions: readonly Condition[]): Phase {
  const is = (type: Parameters<typeof isTrue>[1]) => isTrue(conditions, type);
  const reason = (type: Parameters<typeof isTrue>[1]) => conditionOf(conditions, type)?.reason;
  if (is('Complete')) return 'Succeeded';
  if (is('Failed')) return 'Failed';
  if (conditionOf(conditions, 'Published') !== undefined) return 'Publishing';
  if (reason('Suspended') === 'Suspending') return 'Suspending';
  if (is('Suspended')) return 'Suspended';
  if (!is('Validated')) return 'Pending';
  if (conditionOf(conditions, 'QuotaReserved')?.status === 'False') return 'Queued';
  if (!is('Initialized')) return 'Initializing';
  if (is('Stalled') && ['BackOff', 'GangTimeout'].includes(reason('Stalled') ?? ''))
    return 'Queued';
  if (is('Resizing')) return 'Resizing';
  if (is('Restarting')) return 'Restarting';
  return is('Running') ? 'Running' : 'Starting';
}
