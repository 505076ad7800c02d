// Which rank keeps which part of a parameter. Two layouts: `slice` cuts along one dimension, `owner` gives whole matrices to
// ranks, `replicated` gives everything to all. Every element has exactly one keeper in the first two.
import { rangesOf, splitEvenly } from './batches.ts';

export interface ShardedParameter {
  readonly name: string;
  readonly shape: readonly number[];
  /** Block it belongs to; matrices of one block are spread over the ranks together. */
  readonly block: number;
  readonly layout: 'slice' | 'owner' | 'replicated';
  /** Dimension that is cut; the first when absent. */
  readonly dimension?: number;
}

export interface Shard {
  readonly name: string;
  readonly rank: number;
  /** First index in every dimension. */
  readonly start: readonly number[];
  readonly shape: readonly number[];
}

/** Empty shards are left out: a rank may have none of a small parameter. */
export function planShards(
  parameters: readonly ShardedParameter[],
  ranks: number,
): readonly Shard[] {
  const owners = assignOwners(parameters, ranks);
  return parameters.flatMap((parameter) => {
    const whole = parameter.shape.map(() => 0);
    const { name, shape } = parameter;
    switch (parameter.layout) {
      case 'replicated':
        return Array.from({ length: ranks }, (_, rank) => ({ name, rank, start: whole, shape }));
      case 'owner':
        return [{ name, rank: owners.get(name) ?? 0, start: whole, shape }];
      case 'slice':
        return slices(parameter, ranks);
      default:
        return parameter.layout satisfies never;
    }
  });
}

function slices({ name, shape, dimension = 0 }: ShardedParameter, ranks: number): readonly Shard[] {
  const length = shape[dimension] ?? 1;
  return rangesOf(splitEvenly(length, ranks)).flatMap(({ start, end }, rank) =>
    start === end
      ? []
      : [
          {
            name,
            rank,
            start: shape.map((_, axis) => (axis === dimension ? start : 0)),
            shape: shape.map((size, axis) => (axis === dimension ? end - start : size)),
          },
        ],
  );
}

/** Largest matrix of a block first, each to the rank that holds least so far; ties to the lower rank. */
function assignOwners(
  parameters: readonly ShardedParameter[],
  ranks: number,
): ReadonlyMap<string, number> {
  const owned = parameters.filter(({ layout }) => layout === 'owner');
  const ordered = owned
    .map((parameter, index) => ({ parameter, index, size: sizeOf(parameter.shape) }))
    .sort((a, b) => a.parameter.block - b.parameter.block || b.size - a.size || a.index - b.index);
  const held = new Array<number>(ranks).fill(0);
  const owners = new Map<string, number>();
  for (const { parameter, size } of ordered) {
    const rank = held.indexOf(Math.min(...held));
    held[rank] = (held[rank] ?? 0) + size;
    owners.set(parameter.name, rank);
  }
  return owners;
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
