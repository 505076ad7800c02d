// The sizes of an adapter, whatever its method: what memory, time and result files depend on; and
// those that several adapters share.
import type { Linear } from './linears.ts';

export interface AdapterShape {
  readonly targetModules: readonly string[];
  readonly dropout: number;
  /**
   * Values of a layer, on average where layers differ, and at most where ranks follow from data:
   * those that are trained, those that are fixed beside them, and those in files alone, which say
   * what it took over from the weight.
   */
  count(linear: LinearSize): AdapterCount;
  /** Values of a layer's factor that each pass makes from the others. */
  made(linear: LinearSize): number;
  /** Values of a layer's PEFT file that stand for an index, as ones and zeros. @default none */
  ones?(linear: LinearSize): number;
  /**
   * Values of a layer that its decomposition gives before ranks are known. @default those that stay
   */
  found?(linear: LinearSize): number;
  /** Sizes of a layer with this rank, where data or weights decide which each layer gets. */
  ofRank?(linear: LinearSize, rank: number): SizesOfRank;
  /** Trained values that several layers share, each counted once. @default none */
  readonly shared?: number;
  /** Values of a layer's two factors, where they are not its own. @default its own values */
  factors?(linear: LinearSize): number;
  /** Of a change that is added to a copy of each weight while its block is computed. */
  readonly multipliedOut?: MultipliedOut;
  /**
   * Whether layers compute with copies of their weights that have the change in them.
   * @default false
   */
  readonly patches?: true;
  /**
   * Whether some steps compute all gradients of the weights, to choose places by them.
   * @default false
   */
  readonly probes?: true;
  /**
   * Where a search with changed copies of the weights chooses layers: values of both factors that
   * layers of one name share in it. @default none
   */
  searches?(linear: LinearSize): number;
  /** Experts of an MLP, those that each token passes, and the values of their router. */
  readonly experts?: { readonly count: number; readonly chosen: number; readonly router: number };
  /** What a layer keeps of each token for the backward of its adapter. */
  perToken(linear: LinearSize): PerToken;
  /**
   * What its decomposition of a matrix holds beside it: copies of it, and Gram matrices of its
   * smaller side in float64. Null where it decomposes nothing.
   */
  readonly decomposing: { readonly matrices: number; readonly grams: number } | null;
}

interface MultipliedOut {
  /** Values in bfloat16 that all layers share; each worker has them all. */
  readonly shared: number;
  /** Values of a layer's two factors, which exist where the change is not multiplied out. */
  factors(linear: LinearSize): number;
}

interface AdapterCount {
  readonly trained: number;
  readonly kept: number;
  readonly taken: number;
}

interface SizesOfRank extends AdapterCount {
  readonly made: number;
  /** Values of a token in float32. */
  readonly perToken: number;
}

/** Of the layers of each name, block by block, once data or weights have decided them. */
export type DecidedRanks = Readonly<Record<string, readonly number[]>>;

interface PerToken {
  /** Values in float32. */
  readonly exact: number;
  /** Values of the input or made of it, in the type of the model. */
  readonly copied: number;
}

export type LinearSize = Pick<Linear, 'name' | 'role' | 'in' | 'out'>;

export interface LikeLora {
  readonly rank: number;
  readonly targetModules: readonly string[];
  readonly dropout: string;
}

/** Two matrices of the rank. */
export function likeLora(
  { rank, targetModules, dropout }: LikeLora,
  other: Partial<Pick<AdapterShape, 'count' | 'made'>> = {},
): AdapterShape {
  return {
    ...{ targetModules, dropout: Number(dropout), perToken: () => inner(rank) },
    count: (linear) => ({ trained: rank * (linear.in + linear.out), kept: 0, taken: 0 }),
    ...{ made: () => 0, decomposing: null },
    ...other,
  };
}

/** With a value between them for each rank, which B is multiplied by. */
export function withDiagonal(
  own: LikeLora,
  taken: (linear: Sides) => number = () => 0,
): AdapterShape {
  const { rank } = own;
  return likeLora(own, {
    count: (linear) => ({
      ...{ trained: rank * (linear.in + linear.out + 1), kept: 0, taken: taken(linear) },
    }),
    made: (linear) => rank * linear.out,
  });
}

/**
 * Of ranks that add up to `rank` for each layer and have a bound each: those with which layers of
 * the most `values` have all that they can.
 */
export function largestRanks(
  linears: readonly LinearSize[],
  rank: number,
  most: (linear: Sides) => number,
  values: (linear: Sides) => number,
): (linear: LinearSize) => number {
  const ranks = new Map<string, number>();
  let left = rank * linears.length;
  for (const linear of linears.toSorted((a, b) => values(b) - values(a))) {
    const own = Math.min(left, most(linear));
    ranks.set(linear.name, own);
    left -= own;
  }
  return ({ name }) => ranks.get(name) ?? 0;
}

/** Of two factors that train, and nothing beside them. */
export function ofTwoFactors(linear: LinearSize, rank: number): SizesOfRank {
  const trained = rank * (linear.in + linear.out);
  return { trained, kept: 0, taken: 0, made: 0, perToken: rank };
}

/** The sizes of layers with these ranks, each the mean over the blocks. */
export function sizedBy(shape: AdapterShape, ranks: DecidedRanks): AdapterShape {
  const { ofRank } = shape;
  if (ofRank === undefined) return shape;
  const mean = (linear: LinearSize, size: (sizes: SizesOfRank) => number): number => {
    const own = ranks[linear.name] ?? [];
    const all = own.reduce((sum, rank) => sum + size(ofRank(linear, rank)), 0);
    return all / Math.max(1, own.length);
  };
  return {
    ...shape,
    count: (linear) => ({
      trained: mean(linear, ({ trained }) => trained),
      kept: mean(linear, ({ kept }) => kept),
      taken: mean(linear, ({ taken }) => taken),
    }),
    made: (linear) => mean(linear, ({ made }) => made),
    perToken: (linear) => inner(mean(linear, ({ perToken }) => perToken)),
  };
}

/** A transposed copy, products, and a Gram matrix in float32. */
export const sketch = { matrices: 2, grams: 1 };
/** The Gram matrix, its vectors twice, and the workspace of LAPACK's divide and conquer. */
export const exact = { matrices: 1, grams: 5 };

type Directions = 'Exact' | 'Sketched';

/** What finding singular vectors holds. */
export function decomposedBy(directions: Directions) {
  return directions === 'Exact' ? exact : sketch;
}

interface TakingOver extends LikeLora {
  readonly directions: Directions;
}

/** Two matrices, as large as the part of the weight that they take over. */
export function takingOver(
  { rank, targetModules, dropout, directions }: TakingOver,
  within: typeof rankWithin,
): AdapterShape {
  const size = (linear: Sides) => within(linear, rank) * (linear.in + linear.out);
  return {
    ...{
      targetModules,
      dropout: Number(dropout),
      perToken: (linear) => inner(within(linear, rank)),
    },
    count: (linear) => ({ trained: size(linear), kept: 0, taken: size(linear) }),
    made: () => 0,
    decomposing: decomposedBy(directions),
  };
}

/** Two matrices and the square one between them. */
export function threeOf(linear: Sides, rank: number): number {
  return rank * (linear.in + linear.out + rank);
}

/** Trained values between two fixed factors `[out, r]` and `[r, in]`. */
export function betweenFixed(
  { rank, targetModules }: { readonly rank: number; readonly targetModules: readonly string[] },
  decomposing: AdapterShape['decomposing'],
  between: (rank: number) => { readonly trained: number; readonly kept: number },
): AdapterShape {
  const within = (linear: LinearSize) => rankWithin(linear, rank);
  return {
    ...{ targetModules, dropout: 0, perToken: () => inner(rank), decomposing },
    count(linear) {
      const own = within(linear);
      const { trained, kept } = between(own);
      return { trained, kept: own * (linear.in + linear.out) + kept, taken: 0 };
    },
    made: (linear) => joined(linear, within(linear)),
  };
}

/** The smaller of two factors, which what is between them joins in each pass. */
export function joined(linear: Sides, rank: number): number {
  return rank * Math.min(linear.in, linear.out);
}

/** The product of the input with A. */
export function inner(rank: number): PerToken {
  return { exact: rank, copied: 0 };
}

export type Sides = Pick<LinearSize, 'in' | 'out'>;

/** Two factors of different components have no more together than the smaller side. */
export function pairedRank(linear: Sides, rank: number): number {
  return Math.max(1, Math.min(rank, Math.floor(Math.min(linear.in, linear.out) / 2)));
}

/** No factor of a matrix has more than its smaller side. */
export function rankWithin(linear: Sides, rank: number): number {
  return Math.min(rank, linear.in, linear.out);
}
