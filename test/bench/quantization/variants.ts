/** What is compared: integers and floats of compressed-tensors, and the blocks of GGUF files. */
import { type Quantization, quantization } from '../../../crds/api/quantization.ts';
import type { GgufBlocks } from '../../../crds/methods/fake-quantized.ts';
import type { FloatGrid } from '../../../worker/quantize/float-grid.ts';

export type Variant = { readonly name: string } & (
  | {
      readonly type: 'Integers';
      readonly quantization: Quantization;
      /** In place of that of `quantization`, for scales that no file has. */
      readonly grid?: FloatGrid;
      /** Ranks in 16 bits of what quantizing lost, added to it. @default 0 */
    }
  | { readonly type: 'Blocks'; readonly blocks: GgufBlocks; readonly isWeighted: boolean }
);

function integers(bits: number, how: keyof typeof ways): Variant {
  const name = `int${bits}, ${how}`;
  return { type: 'Integers', name, quantization: quantization.parse({ bits, ...ways[how] }) };
}

const nearest = { method: 'RoundToNearest', scales: 'Extremes', scaleRefits: 0 } as const;

const ways = {
  nearest,
  'GPTQ alone': { ...nearest, method: 'GPTQ' },
  'clip search, GPTQ': { scaleRefits: 0 },
  'clip search, GPTQ, refit': {},
  'clip search, AdaQuant, refit': { method: 'AdaQuant' },
  'clip search, CBQ': { method: 'CBQ', scaleRefits: 0, iterations: 40 },
  smoothed: { smoothing: 'Search' },
  'smoothed, rank 32': { smoothing: 'Search', lowRank: 32 },
} as const;

type Settings = Parameters<typeof quantization.parse>[0] & object;
type Extra = Pick<Extract<Variant, { type: 'Integers' }>, 'grid'>;

function of(name: string, own: Settings, extra: Extra = {}): Variant {
  return { type: 'Integers', name, quantization: quantization.parse(own), ...extra };
}

/** To nearest, and with all that is measured on training data. */
function both(name: string, own: Settings, extra: Extra = {}): readonly Variant[] {
  return [
    of(`${name}, nearest`, { ...own, ...nearest }, extra),
    of(`${name}, clip search, GPTQ`, { ...own, scaleRefits: 0 }, extra),
  ];
}

const free: FloatGrid = { format: 'e2m1', scales: 'BFloat16', groupSize: 64 };
const rowsOf8 = { bits: 8, strategy: 'Channel', range: 'Symmetric' };
const zeroQuant = { weights: 'FP4', activations: 'Float8' };

const floats = [
  of('W8A8 in int8, nearest', { ...rowsOf8, ...nearest, activations: 'Int8' }),
  of('FP8, nearest', { weights: 'FP8', ...nearest }),
  of('W8A8 in FP8, nearest', { weights: 'FP8', ...nearest, activations: 'Float8' }),
  ...both('FP4 in groups of 64', { weights: 'FP4' }, { grid: free }),
  ...both('NVFP4', { weights: 'NVFP4' }),
  ...both('MXFP4', { weights: 'MXFP4' }),
  ...both('ZeroQuant-FP', zeroQuant),
  of('ZeroQuant-FP, nearest, 8 ranks', { ...zeroQuant, ...nearest, lowRank: 8 }),
  of('ZeroQuant-FP, all, 8 ranks', { ...zeroQuant, scaleRefits: 0, lowRank: 8 }),
];

const split = { ...ways['smoothed, rank 32'], splitChannels: 32 } as const;

/** Whose inputs are rounded, too. */
const rounded = (['Int8', 'Int4'] as const).flatMap((activations) =>
  Object.entries({
    'clip search, GPTQ, refit': {},
    smoothed: ways.smoothed,
    'smoothed, rank 32': ways['smoothed, rank 32'],
    'smoothed, rank 32, 32 parts': split,
  }).map(([how, own]): Variant => {
    const all = quantization.parse({ ...own, range: 'Symmetric', activations });
    return { type: 'Integers', name: `int4, inputs ${activations}, ${how}`, quantization: all };
  }),
);

function blocks(type: GgufBlocks, isWeighted = false): Variant {
  const name = isWeighted ? `${type}, importance` : type;
  return { type: 'Blocks', name, blocks: type, isWeighted };
}

const names = Object.keys(ways) as (keyof typeof ways)[];

export const variants: readonly Variant[] = [
  integers(8, 'nearest'),
  ...[4, 3, 2].flatMap((bits) => names.map((how) => integers(bits, how))),
  of('int3.5 on average, clip search, GPTQ, refit', { averageBits: '3.5' }),
  ...floats,
  ...rounded,
  blocks('Q8_0'),
  ...(['Q6_K', 'Q5_K', 'Q4_K', 'Q4_0', 'Q3_K', 'Q2_K'] as const).flatMap((type) => [
    blocks(type),
    blocks(type, true),
  ]),
];
