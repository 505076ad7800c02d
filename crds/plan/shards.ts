// Which rank keeps which part of the tensors of a place. They lie one behind the other on a line of cells, and the line is cut into
// equal shares, one a rank: whoever gathers the shares has every tensor whole, in place, by one collective and without a copy.
//
// Two layouts. `slice` cuts where a share ends, between two cells: a cell is as long as the blocks of 8-bit moments, so optimizers that
// work element by element, or block by block, find in a share what they would find in the whole. `owner` keeps each tensor whole at one
// rank, for optimizers that need a matrix; shares are then as long as the largest needs to be.
import { splitEvenly } from './batches.ts';

/** Elements of a cell: every tensor begins with one, and none is cut. */
export const cellSize = 256;

export type ShardLayout = 'slice' | 'owner';

export interface LinePlan {
  /** Elements of each rank's share; the line has as many for each rank. */
  readonly share: number;
  readonly tensors: readonly LineTensor[];
}

interface LineTensor {
  readonly name: string;
  /** Elements of the whole tensor. */
  readonly count: number;
  /** Where it begins on the line. */
  readonly at: number;
}

/** What one rank keeps of a tensor. */
export interface LinePiece {
  readonly name: string;
  /** First element of the tensor that is kept, in row order, and how many. */
  readonly start: number;
  readonly count: number;
  /** Where they begin in the rank's share. */
  readonly at: number;
}

export function planLine(
  tensors: readonly Pick<LineTensor, 'name' | 'count'>[],
  ranks: number,
  layout: ShardLayout,
): LinePlan {
  return layout === 'slice' ? inOrder(tensors, ranks) : byOwner(tensors, ranks);
}

/** The pieces of a rank, in the order of the line; tensors of which it has nothing are left out. */
export function piecesOf({ share, tensors }: LinePlan, rank: number): readonly LinePiece[] {
  const begin = rank * share;
  return tensors.flatMap(({ name, count, at }) => {
    const from = Math.max(at, begin);
    const to = Math.min(at + count, begin + share);
    return from < to ? [{ name, start: from - at, count: to - from, at: from - begin }] : [];
  });
}

function inOrder(tensors: readonly Pick<LineTensor, 'name' | 'count'>[], ranks: number): LinePlan {
  let cells = 0;
  const placed = tensors.map(({ name, count }) => {
    const at = cells * cellSize;
    cells += cellsOf(count);
    return { name, count, at };
  });
  const [largest = 0] = splitEvenly(cells, ranks);
  return { share: largest * cellSize, tensors: placed };
}

/** Largest tensor first, each to the rank that holds least so far; ties to the lower rank. */
function byOwner(tensors: readonly Pick<LineTensor, 'name' | 'count'>[], ranks: number): LinePlan {
  const held = new Array<number>(ranks).fill(0);
  const order = [...tensors.entries()].sort(([i, a], [j, b]) => b.count - a.count || i - j);
  const owned = order.map(([, { name, count }]) => {
    const rank = held.indexOf(Math.min(...held));
    const cell = held[rank] ?? 0;
    held[rank] = cell + cellsOf(count);
    return { name, count, rank, cell };
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
