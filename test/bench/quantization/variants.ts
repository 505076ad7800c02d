/** What is compared: integers as compressed-tensors has them, and the blocks of GGUF files. */
import type { GgufBlocks } from '../../../crds/methods/fake-quantized.ts';
import type { RoundingSettings } from '../../../worker/quantize/quantize-matrix.ts';

export type Variant = { readonly name: string } & (
  | { readonly type: 'Integers'; readonly settings: RoundingSettings }
  | { readonly type: 'Blocks'; readonly blocks: GgufBlocks; readonly isWeighted: boolean }
);

const groupSize = 64;

function integers(bits: number, how: keyof typeof ways): Variant {
  const settings = { grid: { bits, range: 'Asymmetric' as const, groupSize }, ...ways[how] };
  return { type: 'Integers', name: `int${bits}, ${how}`, settings };
}

const nearest = { steps: 'Extremes', rounding: 'Nearest', refits: 0 } as const;

const ways = {
  nearest,
  'GPTQ alone': { ...nearest, rounding: 'GPTQ' },
  'clip search, GPTQ': { steps: 'ClipSearch', rounding: 'GPTQ', refits: 0 },
  'clip search, GPTQ, refit': { steps: 'ClipSearch', rounding: 'GPTQ', refits: 1 },
} as const;

function blocks(type: GgufBlocks, isWeighted = false): Variant {
  const name = isWeighted ? `${type}, importance` : type;
  return { type: 'Blocks', name, blocks: type, isWeighted };
}

const names = Object.keys(ways) as (keyof typeof ways)[];

export const variants: readonly Variant[] = [
  integers(8, 'nearest'),
  ...[4, 3, 2].flatMap((bits) => names.map((how) => integers(bits, how))),
  blocks('Q8_0'),
  ...(['Q6_K', 'Q5_K', 'Q4_K', 'Q4_0', 'Q3_K', 'Q2_K'] as const).flatMap((type) => [
    blocks(type),
    blocks(type, true),
  ]),
];
