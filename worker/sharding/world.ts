// The ranks that train one model together, as everything but the engine sees them: a few numbers
// that all of them agree on. Every function is asked by all ranks in the same order, or all of them
// wait for ever.
import { scope } from '../tensor/scope.ts';
import { tensor, toArray } from '../tensor/tensor.ts';
import type { ProcessGroup } from './process-group.ts';

export interface World {
  readonly rank: number;
  readonly size: number;
  /** The sums over all ranks, one for each value; the same bits at each of them. */
  sum(values: readonly number[]): readonly number[];
  /** Whether any rank says so. */
  agree(flag: boolean): boolean;
  /** What rank 0 says. */
  fromFirst(value: number): number;
}

/** A process that trains by itself. */
export const alone: World = {
  rank: 0,
  size: 1,
  sum: (values) => values,
  agree: (flag) => flag,
  fromFirst: (value) => value,
};

export function worldOf(group: ProcessGroup): World {
  const { rank, size } = group;
  const sum = (values: readonly number[]): readonly number[] =>
    scope(() => {
      const all = tensor(values, [values.length], 'float64');
      group.allReduce(all).wait();
      return toArray(all);
    });
  return {
    rank,
    size,
    sum,
    agree: (flag) => sum([flag ? 1 : 0]).some((count) => count > 0),
    fromFirst: (value) => sum([rank === 0 ? value : 0])[0] ?? 0,
  };
}
