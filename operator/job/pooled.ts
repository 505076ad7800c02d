// A job that trains in the pod of a pool has no workers. The pool tells how it is; what comes
// before training and after it is that of every job.
import { isFailureCode } from '../../crds/failures/table.ts';
import { conditionOf, timeText } from '../runtime/conditions.ts';
import { none, type PolicyResult } from './decision.ts';
import { fail } from './settle.ts';
import type { View } from './view.ts';

export function pooled(view: View): PolicyResult {
  const { facts, spec, status } = view;
  const { pool } = facts;
  if (spec.packing === undefined || pool === undefined) return none;
  const told = poolJobOf(view);
  const name = `pool ${spec.packing.pool}`;
  if (told?.state === 'Failed') {
    const { code = '', message = 'it failed' } = told;
    return fail(view, { code: isFailureCode(code) ? code : 'E_INTERNAL', message });
  }
  if (told?.state === 'Training') {
    const message = `it trains in ${name}`;
    return {
      conditions: [
        ...place(view, true, message),
        { ...running, status: 'True', reason: 'Training', message },
      ],
      status: { startTime: status.startTime ?? timeText(facts.now) },
      final: true,
    };
  }
  const waits = pool.type === 'There' ? pool.waits : 'it is not there';
  const message = `${name}: ${told?.message ?? waits ?? 'its pod has yet to attach the job'}`;
  return {
    conditions: [
      ...(told?.state === 'Waiting' ? place(view, false, message) : []),
      { ...running, status: 'False', reason: 'WaitsForPool', message },
    ],
    final: true,
  };
}

const running = { type: 'Running' } as const;

function place(
  { status }: View,
  has: boolean,
  message: string,
): NonNullable<PolicyResult['conditions']> {
  const type = 'QuotaReserved';
  if (!has) return [{ type, status: 'False', reason: 'NoPoolCapacity', message }];
  const before = conditionOf(status.conditions ?? [], type);
  return before?.status === 'False' ? [{ type, status: 'True', reason: 'Admitted', message }] : [];
}

export function poolJobOf({ facts: { pool } }: Pick<View, 'facts'>) {
  return pool?.type === 'There' ? pool.told : undefined;
}

/** Its run folder may be written to. */
export function isInPool(view: Pick<View, 'facts'>): boolean {
  const { state } = poolJobOf(view) ?? {};
  return state !== undefined && state !== 'Trained' && state !== 'Failed';
}
