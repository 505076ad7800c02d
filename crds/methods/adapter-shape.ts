// The sizes of an adapter, whatever its method: what memory, time and result files depend on.
import type { ResolvedMethod } from './resolve.ts';
import { shareOf } from './s2ft.ts';

export interface AdapterShape {
  readonly targetModules: readonly string[];
  readonly dropout: number;
  /**
   * Values of a layer, on average where layers differ: those that are trained, and those that are
   * fixed and saved with them.
   */
  count(linear: LinearSize): { readonly trained: number; readonly kept: number };
  /** Values of a layer's factor that each pass makes from the others. */
  made(linear: LinearSize): number;
  /** What a layer keeps of each token for the backward of its adapter. */
  perToken(linear: LinearSize): PerToken;
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
        count: (linear) => ({ trained: rank * (linear.in + linear.out), kept: 0 }),
        made: () => 0,
      };
    }
    case 'BiLoRA': {
      const { rank, targetModules, dropout } = adapter.biLora;
      const size = (linear: LinearSize) => rank * (linear.in + linear.out);
      return {
        ...{ targetModules, dropout: Number(dropout), perToken: () => inner(rank) },
        count: (linear) => ({ trained: size(linear), kept: 0 }),
        // Centred, scaled, coded and rounded values of both.
        made: (linear) => 4 * size(linear),
      };
    }
    case 'PaCA': {
      const { rank, targetModules } = adapter.paca;
      const within = (linear: LinearSize) => Math.min(rank, linear.in);
      return {
        ...{ targetModules, dropout: 0, made: () => 0 },
        count: (linear) => ({ trained: linear.out * within(linear), kept: within(linear) }),
        perToken: (linear) => ({ exact: 0, copied: within(linear) }),
      };
    }
    case 'S2FT':
      return ofChannels(adapter.s2ft, model);
    case 'LoRAXS':
      return betweenFixed(adapter.loraXs, (rank) => ({ trained: rank * rank, kept: 0 }));
    case 'LoLDU':
      return betweenFixed(adapter.loldu, (rank) => ({ trained: rank, kept: rank }));
  }
}

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
    ...{ dropout: 0, made: () => 0 },
    count({ name, in: inputs, out }) {
      const [ofRows, ofColumns] = [rows[name] ?? 0, columns[name] ?? 0];
      return { trained: ofRows * inputs + ofColumns * out, kept: ofRows + ofColumns };
    },
    perToken: ({ name }) => ({ exact: 0, copied: columns[name] ?? 0 }),
  };
}

/** Trained values between two fixed factors `[out, r]` and `[r, in]`. */
function betweenFixed(
  { rank, targetModules }: { readonly rank: number; readonly targetModules: readonly string[] },
  between: (rank: number) => { readonly trained: number; readonly kept: number },
): AdapterShape {
  const within = (linear: LinearSize) => rankWithin(linear, rank);
  return {
    ...{ targetModules, dropout: 0, perToken: () => inner(rank) },
    count(linear) {
      const own = within(linear);
      const { trained, kept } = between(own);
      return { trained, kept: own * (linear.in + linear.out) + kept };
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
