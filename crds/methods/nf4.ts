// QLoRA: Efficient Finetuning of Quantized LLMs. Frozen weights in 4-bit NormalFloat, whose 16
// values are quantiles of a normal distribution, with adapters beside them:
//   y = x decode(W)^T + s x A^T B^T
//   decode(W) = nf4[code] * absmax,   one absmax for `blockSize` neighbours
// Double quantisation stores each absmax in 8 bits, with one float32 for 256 of them.
import * as z from 'zod';
import { groupSize } from './group-size.ts';
import { axisEntry, type Preset } from './method.ts';

const paper = {
  title: 'QLoRA: Efficient Finetuning of Quantized LLMs',
  arxiv: '2305.14314',
} as const;

export const nf4 = axisEntry({
  axis: 'base',
  type: 'NF4',
  member: 'nf4',
  summary:
    'Linear layers of the blocks are stored in 4-bit NormalFloat: about 4.13 bits per weight; all else stays dense.',
  paper,
  parameters: z.strictObject({
    blockSize: groupSize('method.base: nf4.blockSize')
      .default(64)
      .describe(
        'Adjacent weights of a row that share one scale; must divide the inputs of each layer.',
      ),
    scales: z
      .enum(['DoubleQuantized', 'Float32'])
      .default('DoubleQuantized')
      .describe(
        'How scales are stored: DoubleQuantized takes 8 bits for each, and 32 more for 256 of them, as in the paper.',
      ),
  }),
});

export const qloraPreset = {
  preset: 'QLoRA',
  summary: 'Low-rank adapters on all linear layers of a base model frozen in 4 bits, with AdamW.',
  axes: {
    base: { type: 'NF4' },
    adapter: { type: 'LoRA' },
    selection: { type: 'All' },
    optimizer: { type: 'AdamW' },
  },
  paper,
} as const satisfies Preset;
