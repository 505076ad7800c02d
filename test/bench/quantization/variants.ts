/** What is compared: integers as compressed-tensors has them, and the blocks of GGUF files. */
import { type Quantization, quantization } from '../../../crds/api/quantization.ts';
import type { GgufBlocks } from '../../../crds/methods/fake-quantized.ts';

export type Variant = { readonly name: string } & (
  | { readonly type: 'Integers'; readonly quantization: Quantization }
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
