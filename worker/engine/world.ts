// The ranks that train one model together, as everything outside the engine uses them: they agree
// on a few numbers. Every function is collective: all ranks call it in the same order, or all of
// them block.
import type { Tensor } from '../tensor/tensor.ts';

export interface World {
  readonly rank: number;
  readonly size: number;
  /** Sums over all ranks, one for each value; every rank gets the same bits. */
  sum(values: readonly number[]): readonly number[];
  /** Sums a tensor over all ranks, in place; every rank gets the same bits. */
  sumTensor(tensor: Tensor): void;
  /** Whether `flag` is true at any rank. */
  agree(flag: boolean): boolean;
  /** The value of rank 0. */
  fromFirst(value: number): number;
}

/** The world of a single process. */
export const alone: World = {
  rank: 0,
  size: 1,
  sum: (values) => values,
  sumTensor: () => undefined,
  agree: (flag) => flag,
  fromFirst: (value) => value,
};
