// Which columns of an adapter's matrices rest in a step, by parameter.
import type { Adapter, Moment } from '../methods/adapters/adapter.ts';
import type { Active } from './model.ts';
import type { Parameter } from './parameters.ts';
import { isWithoutState } from './regrowth.ts';

type Owned = Pick<Parameter, 'suffix' | 'shape'>;

export function restingColumns(
  adapter: Adapter | null,
  { suffix, shape }: Owned,
  moment: Moment,
): number {
  const [, columns] = shape;
  if (suffix === undefined || columns === undefined) return 0;
  return adapter?.restingColumns?.(suffix, columns, moment) ?? 0;
}

export function rests(
  adapter: Adapter | null,
  parameter: Owned & Pick<Parameter, 'role'>,
  moment: Moment,
): boolean {
  if (parameter.role === 'chosen') return isWithoutState(adapter?.regrowth, parameter, moment);
  return restingColumns(adapter, parameter, moment) === (parameter.shape[1] ?? -1);
}

/** Those of the active parameters that do not rest. */
export function unrested(active: Active, adapter: Adapter | null, moment: Moment): Active {
  if (adapter?.restingColumns === undefined) return active;
  return (layer) => active(layer).filter((parameter) => !rests(adapter, parameter, moment));
}
