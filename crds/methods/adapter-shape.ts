// The sizes of an adapter, whatever its method: what memory, time and result files depend on.
import { mostComponents } from './eva.ts';
import { mostOfSpectrum } from './lamda.ts';
import { linearsOf, namedLinears } from './linears.ts';
import type { ResolvedMethod } from './resolve.ts';
import { shareOf } from './s2ft.ts';

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
  /** What a layer keeps of each token for the backward of its adapter. */
  perToken(linear: LinearSize): PerToken;
  /**
   * What its decomposition of a matrix holds beside it: copies of it, and Gram matrices of its
   * smaller side in float64. Null where it decomposes nothing.
   */
  readonly decomposing: { readonly matrices: number; readonly grams: number } | null;
}

interface AdapterCount {
  readonly trained: number;
  readonly kept: number;
  readonly taken: number;
}

interface PerToken {
  /** Values in float32. */
  readonly exact: number;
  /** Values of the input, in the type of the model. */
  readonly copied: number;
}

interface LinearSize {
  /** Last part of the module path: `q_proj`. */
  readonly name: string;
  readonly in: number;
  readonly out: number;
}

interface ModelSizes {
  readonly L: number;
  readonly H: number;
  readonly NH: number;
  readonly NK: number;
  readonly D: number;
  readonly I: number;
  readonly fused: boolean;
}

type Adapted = Pick<ResolvedMethod, 'adapter'>;
type AdapterType = Pick<ResolvedMethod['adapter'], 'type'>;

/** Whether each weight loses a part to the adapter, so that the base is another one. */
export function changesBase({ adapter }: Adapted): boolean {
  if (adapter.type === 'LaMDA') return adapter.lamda.initialization === 'Svd';
  return ['PiSSA', 'LoRAGA', 'KaSA', 'NLoRA'].includes(adapter.type);
}

/** Whether it begins with gradients, for which the whole base is trained once. */
export function readsGradient({ adapter }: { readonly adapter: AdapterType }): boolean {
  return adapter.type === 'LoRAGA' || adapter.type === 'LoRASB';
}

/** Whether it begins with activations, for which the base passes forward once. */
export function readsActivations({ adapter }: Adapted): boolean {
  return adapter.type === 'EVA';
}

/** Whether the ranks of layers follow from activations or weights: all have a bound alone. */
export function plansRanks({ adapter }: Adapted): boolean {
  if (adapter.type === 'LaMDA') return adapter.lamda.allocation === 'Spectrum';
  return adapter.type === 'EVA' && Number(adapter.eva.rho) > 1;
}

/** Null without an adapter. */
export function adapterShape(
  { adapter }: Pick<ResolvedMethod, 'adapter'>,
  model: ModelSizes,
): AdapterShape | null {
  switch (adapter.type) {
    case 'None':
      return null;
    case 'LoRA':
      return likeLora(adapter.lora);
    case 'BiLoRA': {
      const { rank } = adapter.biLora;
      // Centred, scaled, coded and rounded values of both.
      const made = (linear: LinearSize) => 4 * rank * (linear.in + linear.out);
      return likeLora(adapter.biLora, { made });
    }
    case 'LaMDA':
      return betweenSides(adapter.lamda, model);
    case 'SoRA':
      return withDiagonal(adapter.sora);
    case 'PiSSA':
      return takingOver(adapter.pissa, rankWithin);
    case 'KaSA': {
      const { rank } = adapter.kasa;
      const taken = (linear: Sides) => pairedRank(linear, rank) * (linear.in + linear.out);
      return { ...withDiagonal(adapter.kasa, taken), decomposing: exact };
    }
    case 'EVA':
      return ofPlannedRanks(adapter.eva, model);
    case 'SLoRA':
      return ofThree(adapter.slora);
    case 'NLoRA':
      return ofParts(adapter.nlora);
    case 'LoRAGA':
      return takingOver(adapter.loraGa, pairedRank);
    case 'LoRASB': {
      const { directions } = adapter.loraSb;
      const decomposing = directions === 'Exact' ? exact : sketch;
      return betweenFixed(adapter.loraSb, decomposing, (rank) => ({
        ...{ trained: rank * rank, kept: 0 },
      }));
    }
    case 'PaCA': {
      const { rank, targetModules } = adapter.paca;
      const within = (linear: LinearSize) => Math.min(rank, linear.in);
      return {
        ...{ targetModules, dropout: 0, made: () => 0, decomposing: null },
        ones: (linear) => linear.in * within(linear),
        count: (linear) => ({
          ...{ trained: linear.out * within(linear), kept: within(linear), taken: 0 },
        }),
        perToken: (linear) => ({ exact: 0, copied: within(linear) }),
      };
    }
    case 'S2FT':
      return ofChannels(adapter.s2ft, model);
    case 'LoRAXS':
      return betweenFixed(adapter.loraXs, sketch, (rank) => ({ trained: rank * rank, kept: 0 }));
    case 'LoLDU':
      return betweenFixed(adapter.loldu, triangles, (rank) => ({ trained: rank, kept: rank }));
  }
}

interface LikeLora {
  readonly rank: number;
  readonly targetModules: readonly string[];
  readonly dropout: string;
}

/** Two matrices of the rank. */
function likeLora(
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
function withDiagonal(own: LikeLora, taken: (linear: Sides) => number = () => 0): AdapterShape {
  const { rank } = own;
  return likeLora(own, {
    count: (linear) => ({
      ...{ trained: rank * (linear.in + linear.out + 1), kept: 0, taken: taken(linear) },
    }),
    made: (linear) => rank * linear.out,
  });
}

type Planned = Extract<ResolvedMethod['adapter'], { type: 'EVA' }>['eva'];

/**
 * Ranks that the activations decide: before, only their sum is known, and the most of a layer. What
 * is counted is the most that all layers together may have: the largest have all that they can.
 */
function ofPlannedRanks(parameters: Planned, model: ModelSizes): AdapterShape {
  const { rank, targetModules, dropout, directions } = parameters;
  const most = (linear: Sides) => Math.min(mostComponents(parameters), linear.in);
  const linears = namedLinears(linearsOf(model), targetModules);
  const values = (linear: Sides) => linear.in + linear.out;
  const ranks = largestRanks(linears, rank, most, values);
  return {
    // Of all layers together it is that of their mean rank, however they share ranks.
    ...{ targetModules, dropout: Number(dropout), perToken: () => inner(rank) },
    count: (linear) => ({
      ...{ trained: ranks(linear) * values(linear), kept: 0, taken: 0 },
    }),
    made: () => 0,
    decomposing: directions === 'Exact' ? exact : sketch,
  };
}

/**
 * Of ranks that add up to `rank` for each layer and have a bound each: those with which layers of
 * the most `values` have all that they can.
 */
function largestRanks(
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

/** A transposed copy, products, and a Gram matrix in float32. */
const sketch = { matrices: 2, grams: 1 };
/** The Gram matrix, its vectors twice, and the workspace of LAPACK's divide and conquer. */
const exact = { matrices: 1, grams: 5 };
/** Both factors in one, and each by itself. */
const triangles = { matrices: 3, grams: 0 };

/** Copies of rows and columns, and a few of their corner. */
const corner = { matrices: 1, grams: 1 };

type Ratios = Extract<ResolvedMethod['adapter'], { type: 'S2FT' }>['s2ft'];

/** Of channels and heads that are drawn over all layers: what a layer has on average. */
function ofChannels(ratios: Ratios, { L, NH, NK, D, I, fused }: ModelSizes): AdapterShape {
  const channels = (ratio: string) => shareOf(ratio, L * I) / L;
  const heads = (ratio: string) => (shareOf(ratio, L * NK) / L) * D;
  const up = channels(ratios.upRatio);
  const gate = channels(ratios.gateRatio);
  const rows: Readonly<Record<string, number>> = fused
    ? { gate_up_proj: up + gate, qkv_proj: heads(ratios.valueRatio) }
    : { up_proj: up, gate_proj: gate, v_proj: heads(ratios.valueRatio) };
  const columns: Readonly<Record<string, number>> = {
    down_proj: channels(ratios.downRatio),
    o_proj: heads(ratios.outputRatio) * (NH / NK),
  };
  const all = Object.entries({ ...rows, ...columns });
  return {
    targetModules: all.flatMap(([name, count]) => (count > 0 ? [name] : [])),
    ...{ dropout: 0, made: () => 0, decomposing: null },
    count({ name, in: inputs, out }) {
      const [ofRows, ofColumns] = [rows[name] ?? 0, columns[name] ?? 0];
      return { trained: ofRows * inputs + ofColumns * out, kept: ofRows + ofColumns, taken: 0 };
    },
    ones: ({ name, in: inputs, out }) => (rows[name] ?? 0) * out + (columns[name] ?? 0) * inputs,
    perToken: ({ name }) => ({ exact: 0, copied: columns[name] ?? 0 }),
  };
}

interface TakingOver {
  readonly rank: number;
  readonly targetModules: readonly string[];
  readonly dropout: string;
  readonly directions: 'Exact' | 'Sketched';
}

/** Two matrices, as large as the part of the weight that they take over. */
function takingOver(
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
    decomposing: directions === 'Exact' ? exact : sketch,
  };
}

interface BetweenSides {
  readonly rank: number;
  readonly targetModules: readonly string[];
  readonly dropout: string;
  readonly initialization: 'Svd' | 'LoRA';
  readonly allocation: 'Uniform' | 'Spectrum';
}

/** A square matrix and B, which train at first, and A, which is fixed. */
function betweenSides({ initialization, ...of }: BetweenSides, model: ModelSizes): AdapterShape {
  const { targetModules } = of;
  const takes = initialization === 'Svd';
  const isShared = of.allocation === 'Spectrum';
  const most = (linear: Sides) => rankWithin(linear, isShared ? mostOfSpectrum(of.rank) : of.rank);
  const linears = namedLinears(linearsOf(model), targetModules);
  const ranksBy = (values: (linear: Sides) => number) =>
    isShared ? largestRanks(linears, of.rank, most, values) : most;
  const ranks = {
    trained: ranksBy((linear) => linear.out),
    kept: ranksBy((linear) => linear.in),
    taken: ranksBy((linear) => linear.in + linear.out),
  };
  return {
    ...{ targetModules, dropout: Number(of.dropout), decomposing: takes ? sketch : null },
    perToken: (linear) => inner(isShared ? of.rank : most(linear)),
    count(linear) {
      const own = ranks.trained(linear);
      return {
        trained: own * (own + linear.out),
        kept: ranks.kept(linear) * linear.in,
        taken: takes ? ranks.taken(linear) * (linear.in + linear.out) : 0,
      };
    },
    // The product of both trained ones.
    made: (linear) => linear.out * ranks.trained(linear),
    ...(isShared && {
      found: (linear: LinearSize) => most(linear) * (linear.in + linear.out + most(linear)),
    }),
  };
}

/** Two matrices and the square one between them. */
function threeOf(linear: Sides, rank: number): number {
  return rank * (linear.in + linear.out + rank);
}

type Three = Extract<ResolvedMethod['adapter'], { type: 'SLoRA' }>['slora'];

function ofThree({ rank, targetModules, dropout }: Three): AdapterShape {
  return {
    ...{ targetModules, dropout: Number(dropout), perToken: () => inner(rank) },
    count: (linear) => ({ trained: threeOf(linear, rank), kept: 0, taken: 0 }),
    made: (linear) => rank * linear.out,
    decomposing: null,
  };
}

type Parts = Extract<ResolvedMethod['adapter'], { type: 'NLoRA' }>['nlora'];

/** Three matrices of parts of a weight, of which it loses the product. */
function ofParts({ rank, targetModules, dropout, train }: Parts): AdapterShape {
  const within = (linear: Sides) => rankWithin(linear, rank);
  return {
    ...{ targetModules, dropout: Number(dropout), decomposing: corner },
    perToken: (linear) => inner(within(linear)),
    count(linear) {
      const own = within(linear);
      const two = own * (linear.in + linear.out);
      return train === 'All'
        ? { trained: threeOf(linear, own), kept: 0, taken: two }
        : { trained: own * own, kept: two, taken: two };
    },
    made: (linear) => linear.out * within(linear),
  };
}

/** Trained values between two fixed factors `[out, r]` and `[r, in]`. */
function betweenFixed(
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
    made: (linear) => linear.out * within(linear),
  };
}

/** The product of the input with A. */
function inner(rank: number): PerToken {
  return { exact: rank, copied: 0 };
}

type Sides = Pick<LinearSize, 'in' | 'out'>;

/** Two factors of different components have no more together than the smaller side. */
export function pairedRank(linear: Sides, rank: number): number {
  return Math.max(1, Math.min(rank, Math.floor(Math.min(linear.in, linear.out) / 2)));
}

/** No factor of a matrix has more than its smaller side. */
export function rankWithin(linear: Sides, rank: number): number {
  return Math.min(rank, linear.in, linear.out);
}
