// Which rank keeps which part of the tensors of a layer. They lie one behind the other in a flat
// parameter of cells, and the flat parameter is cut into equal shares, one a rank: whoever gathers
// the shares has every tensor whole, in place, by one collective and without a copy.
//
// Two ways to cut it. `slice` cuts where a share ends, between two cells: a cell is as long as the
// blocks of 8-bit moments, so optimizers that work element by element, or block by block, find in a
// share what they would find in the whole. `owner` keeps each tensor whole at one rank, for
// optimizers that need a matrix; shares are then as long as the largest needs to be.
import { splitEvenly } from './batches.ts';

/** Elements of a cell: every tensor begins with one, and none is cut. */
export const cellSize = 256;

type Cut = 'slice' | 'owner';

/**
 * Of a model: all in slices; matrices of the blocks whole and slices of the embedding and the head;
 * each tensor whole at one rank.
 */
export type ShardLayout = 'slice' | 'matrices' | 'owner';

export interface FlatParameterPlan {
  /** Elements of each rank's share; the flat parameter has as many for each rank. */
  readonly share: number;
  readonly tensors: readonly FlatTensor[];
}

interface FlatTensor {
  readonly name: string;
  /** Elements of the whole tensor. */
  readonly count: number;
  /** Where it begins on the flat parameter. */
  readonly at: number;
}

/** What one rank keeps of a tensor. */
export interface FlatShard {
  readonly name: string;
  /** First element of the tensor that is kept, in row order, and how many. */
  readonly start: number;
  readonly count: number;
  /** Where they begin in the rank's share. */
  readonly at: number;
}

/**
 * `first` is the rank that gets the largest tensor where they have owners: another one for each
 * block, or all would keep large ones.
 */
export function planFlatParameter(
  tensors: readonly Pick<FlatTensor, 'name' | 'count'>[],
  ranks: number,
  cut: Cut,
  first = 0,
): FlatParameterPlan {
  return cut === 'slice' ? inOrder(tensors, ranks) : byOwner(tensors, ranks, first);
}

/**
 * The same tensors at the owners that they have in a plan by `owner`, with other counts: bytes of
 * codes, beside the values that they stand for.
 */
export function followOwners(
  plan: FlatParameterPlan,
  counts: ReadonlyMap<string, number>,
): FlatParameterPlan {
  const held = new Map<number, number>();
  const placed = plan.tensors.map(({ name, at }) => {
    const count = counts.get(name) ?? 0;
    const rank = Math.floor(at / plan.share);
    const cell = held.get(rank) ?? 0;
    held.set(rank, cell + cellsOf(count));
    return { name, count, rank, cell };
  });
  const share = Math.max(...held.values()) * cellSize;
  const tensors = placed.map(({ name, count, rank, cell }) => ({
    ...{ name, count },
    at: rank * share + cell * cellSize,
  }));
  return { share, tensors };
}

/**
 * The shards of a rank, in the order of the flat parameter; tensors of which it has nothing are
 * left out.
 */
export function shardsOf(
  { share, tensors }: FlatParameterPlan,
  rank: number,
): readonly FlatShard[] {
  const begin = rank * share;
  return tensors.flatMap(({ name, count, at }) => {
    const from = Math.max(at, begin);
    const to = Math.min(at + count, begin + share);
    return from < to ? [{ name, start: from - at, count: to - from, at: from - begin }] : [];
  });
}

function inOrder(
  tensors: readonly Pick<FlatTensor, 'name' | 'count'>[],
  ranks: number,
): FlatParameterPlan {
  let cells = 0;
  const placed = tensors.map(({ name, count }) => {
    const at = cells * cellSize;
    cells += cellsOf(count);
    return { name, count, at };
  });
  const [largest = 0] = splitEvenly(cells, ranks);
  return { share: largest * cellSize, tensors: placed };
}

/**
 * Largest tensor first, each to the rank that holds least so far; ties to the one that comes first,
 * counted from `first`.
 */
function byOwner(
  tensors: readonly Pick<FlatTensor, 'name' | 'count'>[],
  ranks: number,
  first: number,
): FlatParameterPlan {
  const held = new Array<number>(ranks).fill(0);
  const order = [...tensors.entries()].sort(([i, a], [j, b]) => b.count - a.count || i - j);
  const owned = order.map(([, { name, count }]) => {
    const turn = held.indexOf(Math.min(...held));
    const cell = held[turn] ?? 0;
    held[turn] = cell + cellsOf(count);
    return { name, count, rank: (turn + first) % ranks, cell };
  });
  const share = Math.max(...held) * cellSize;
  const placed = owned
    .map(({ name, count, rank, cell }) => ({ name, count, at: rank * share + cell * cellSize }))
    .sort((a, b) => a.at - b.at);
  return { share, tensors: placed };
}

function cellsOf(count: number): number {
  return Math.ceil(count / cellSize);
}
