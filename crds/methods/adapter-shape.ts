// The sizes of an adapter, whatever its method: what memory, time and result files depend on.
import type { ResolvedMethod } from './resolve.ts';

export interface AdapterShape {
  /** Inner dimension of its product; a layer with a smaller side may have less. */
  readonly rank: number;
  readonly targetModules: readonly string[];
  readonly dropout: number;
  /** Values of a layer: those that are trained, and those that are fixed and saved with them. */
  count(linear: LinearSize): { readonly trained: number; readonly kept: number };
  /** Values of a layer's factor that each pass makes from the others. */
  made(linear: LinearSize): number;
}

interface LinearSize {
  readonly in: number;
  readonly out: number;
}

/** Null without an adapter. */
export function adapterShape({ adapter }: Pick<ResolvedMethod, 'adapter'>): AdapterShape | null {
  switch (adapter.type) {
    case 'None':
      return null;
    case 'LoRA': {
      const { rank, targetModules, dropout } = adapter.lora;
      return {
        ...{ rank, targetModules, dropout: Number(dropout) },
        count: (linear) => ({ trained: rank * (linear.in + linear.out), kept: 0 }),
        made: () => 0,
      };
    }
    case 'BiLoRA': {
      const { rank, targetModules, dropout } = adapter.biLora;
      const size = (linear: LinearSize) => rank * (linear.in + linear.out);
      return {
        ...{ rank, targetModules, dropout: Number(dropout) },
        count: (linear) => ({ trained: size(linear), kept: 0 }),
        // Centred, scaled, coded and rounded values of both.
        made: (linear) => 4 * size(linear),
      };
    }
    case 'LoRAXS':
      return betweenFixed(adapter.loraXs, (rank) => ({ trained: rank * rank, fixed: 0 }));
    case 'LoLDU':
      return betweenFixed(adapter.loldu, (rank) => ({ trained: rank, fixed: rank }));
  }
}

/** Trained values between two fixed factors `[out, r]` and `[r, in]`. */
function betweenFixed(
  { rank, targetModules }: Pick<AdapterShape, 'rank' | 'targetModules'>,
  inner: (rank: number) => { readonly trained: number; readonly fixed: number },
): AdapterShape {
  const within = (linear: LinearSize) => rankWithin(linear, rank);
  return {
    ...{ rank, targetModules, dropout: 0 },
    count(linear) {
      const own = within(linear);
      const { trained, fixed } = inner(own);
      return { trained, kept: own * (linear.in + linear.out) + fixed };
    },
    made: (linear) => linear.out * within(linear),
  };
}

/** No factor of a matrix has more than its smaller side. */
export function rankWithin(linear: LinearSize, rank: number): number {
  return Math.min(rank, linear.in, linear.out);
}
