// The sizes of an adapter, whatever its method: what memory, time and result files depend on.
import type { ResolvedMethod } from './resolve.ts';
import { shareOf } from './s2ft.ts';

export interface AdapterShape {
  readonly targetModules: readonly string[];
  readonly dropout: number;
  /**
   * Values of a layer, on average where layers differ: those that are trained, those that are fixed
   * beside them, and those in files alone, which say what it took over from the weight.
   */
  count(linear: LinearSize): AdapterCount;
  /** Values of a layer's factor that each pass makes from the others. */
  made(linear: LinearSize): number;
  /** What a layer keeps of each token for the backward of its adapter. */
  perToken(linear: LinearSize): PerToken;
  /**
   * What its decomposition of a matrix holds beside it: copies of it, and Gram matrices of its
   * smaller side in float64.
   */
  readonly decomposing: { readonly matrices: number; readonly grams: number };
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
  readonly NH: number;
  readonly NK: number;
  readonly D: number;
  readonly I: number;
  readonly fused: boolean;
}

/** Whether the adapter takes over a part of each weight, so that the base is another one. */
export function changesBase({ adapter }: Pick<ResolvedMethod, 'adapter'>): boolean {
  return adapter.type === 'PiSSA';
}

/** Null without an adapter. */
export function adapterShape(
  { adapter }: Pick<ResolvedMethod, 'adapter'>,
  model: ModelSizes,
): AdapterShape | null {
  switch (adapter.type) {
    case 'None':
      return null;
    case 'LoRA': {
      const { rank, targetModules, dropout } = adapter.lora;
      return {
        ...{ targetModules, dropout: Number(dropout), perToken: () => inner(rank) },
        count: (linear) => ({ trained: rank * (linear.in + linear.out), kept: 0, taken: 0 }),
        made: () => 0,
        decomposing: nothing,
      };
    }
    case 'BiLoRA': {
      const { rank, targetModules, dropout } = adapter.biLora;
      const size = (linear: LinearSize) => rank * (linear.in + linear.out);
      return {
        ...{ targetModules, dropout: Number(dropout), perToken: () => inner(rank) },
        count: (linear) => ({ trained: size(linear), kept: 0, taken: 0 }),
        // Centred, scaled, coded and rounded values of both.
        made: (linear) => 4 * size(linear),
        decomposing: nothing,
      };
    }
    case 'PiSSA': {
      const { rank, targetModules, dropout } = adapter.pissa;
      const size = (linear: LinearSize) => rankWithin(linear, rank) * (linear.in + linear.out);
      return {
        ...{ targetModules, dropout: Number(dropout) },
        perToken: (linear) => inner(rankWithin(linear, rank)),
        count: (linear) => ({ trained: size(linear), kept: 0, taken: size(linear) }),
        made: () => 0,
        decomposing: adapter.pissa.directions === 'Exact' ? exact : sketch,
      };
    }
    case 'PaCA': {
      const { rank, targetModules } = adapter.paca;
      const within = (linear: LinearSize) => Math.min(rank, linear.in);
      return {
        ...{ targetModules, dropout: 0, made: () => 0, decomposing: nothing },
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

const nothing = { matrices: 0, grams: 0 };
/** A transposed copy, products, and a Gram matrix in float32. */
const sketch = { matrices: 2, grams: 1 };
/** The Gram matrix, its vectors twice, and the workspace of LAPACK's divide and conquer. */
const exact = { matrices: 1, grams: 5 };
/** Both factors in one, and each by itself. */
const triangles = { matrices: 3, grams: 0 };

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
    ...{ dropout: 0, made: () => 0, decomposing: nothing },
    count({ name, in: inputs, out }) {
      const [ofRows, ofColumns] = [rows[name] ?? 0, columns[name] ?? 0];
      return { trained: ofRows * inputs + ofColumns * out, kept: ofRows + ofColumns, taken: 0 };
    },
    perToken: ({ name }) => ({ exact: 0, copied: columns[name] ?? 0 }),
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

/** No factor of a matrix has more than its smaller side. */
export function rankWithin(linear: Pick<LinearSize, 'in' | 'out'>, rank: number): number {
  return Math.min(rank, linear.in, linear.out);
}
