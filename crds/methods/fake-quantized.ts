// Fake quantization: matrices are rounded to a grid of few bits wherever they are multiplied, and
// stay dense beneath, so that training finds weights that are good on the grid. With the factors of
// an adapter added before rounding this is L4Q:
//   y = x Q(W + s B A)^T     Q(w) = (clamp(round(w / scale) + zero, low, high) - zero) scale
import * as z from 'zod';
import { decimal } from '../schema/decimal.ts';
import { integerFields } from './integer-fields.ts';
import { axisEntry, type Preset } from './method.ts';

/** Types of GGUF files whose values are codes in blocks. */
export const ggufBlocks = [
  ...(['Q8_0', 'Q6_K', 'Q5_K', 'Q4_K', 'Q3_K', 'Q2_K'] as const),
  ...(['Q5_1', 'Q5_0', 'Q4_1', 'Q4_0'] as const),
] as const;
export type GgufBlocks = (typeof ggufBlocks)[number];

const inputs = z.strictObject({
  bits: z.int32().min(2).max(8).describe('Bits of an input.'),
  steps: z
    .int32()
    .min(1)
    .max(1000)
    .describe('Denoising steps with a scale and a zero point of their own; 1: all share one.'),
});

const paper = {
  title: 'L4Q: Parameter-Efficient Quantization-Aware Fine-Tuning on Large Language Models',
  arxiv: '2402.04902',
} as const;

export const fakeQuantized = axisEntry({
  axis: 'base',
  type: 'FakeQuantized',
  member: 'fakeQuantized',
  summary:
    'Linear layers of the blocks stay dense, and are rounded to integers of few bits wherever they are multiplied, with what an adapter adds: the result has these integers.',
  paper,
  parameters: z.strictObject({
    ...integerFields('method.base: fakeQuantized'),
    inputs: inputs
      .optional()
      .describe('With training.trajectory: rounds the inputs of the same layers, too.'),
    trains: z
      .enum(['Weights', 'Scales'])
      .default('Weights')
      .describe(
        'Weights: what is rounded trains, or an adapter that is added before. Scales: integers stay as they begin, and their scales alone train.',
      ),
    scales: z
      .enum(['Learned', 'Fitted'])
      .default('Learned')
      .describe(
        'Learned: scales and zero points are trained. Fitted: they follow from the minimum and maximum of the present weights.',
      ),
    learningRateRatio: decimal({ above: 0, max: 1000 })
      .default('0.5')
      .describe(
        'Learning rate of learned scales, relative to their size, and of zero points, over that of the job.',
      ),
    gguf: z
      .enum(ggufBlocks)
      .optional()
      .describe(
        'Rounds to blocks of this type of GGUF files instead of to integers, and the result is a GGUF file with these blocks. Without other fields.',
      ),
  }),
  words({ bits, scales, trains, gguf, inputs }) {
    if (gguf !== undefined) return `blocks of ${gguf}`;
    if (trains === 'Scales') return `scales of ${bits}-bit integers`;
    const beside = inputs === undefined ? '' : `, inputs in ${inputs.bits}`;
    return `${bits} bits${beside}${scales === 'Learned' ? ', learned scales' : ''}`;
  },
});

export const l4qPreset = {
  preset: 'L4Q',
  summary:
    'Low-rank adapters that are added to the weights before these are rounded to 4 bits, with scales that are trained, too; the result has 4 bits and no adapter beside it.',
  axes: {
    base: { type: 'FakeQuantized' },
    adapter: { type: 'LoRA' },
    selection: { type: 'All' },
    optimizer: { type: 'AdamW' },
  },
  paper,
} as const satisfies Preset;

export const peqaPreset = {
  preset: 'PEQA',
  summary:
    'The scales of a model in 4-bit integers: integers stay as they begin, so what differs between tasks are scales.',
  axes: {
    base: { type: 'FakeQuantized', fakeQuantized: { trains: 'Scales', learningRateRatio: '1' } },
    adapter: { type: 'None' },
    selection: { type: 'All' },
    optimizer: { type: 'AdamW' },
  },
  paper: {
    title:
      'Memory-Efficient Fine-Tuning of Compressed Large Language Models via sub-4-bit Integer Quantization',
    arxiv: '2305.14152',
  },
} as const satisfies Preset;

export const efficientDmPreset = {
  preset: 'EfficientDM',
  summary:
    'A model that makes pictures in 4 bits, weights and inputs, with scales of inputs for each denoising step; it learns from the base along trajectories, without data.',
  axes: {
    base: {
      type: 'FakeQuantized',
      fakeQuantized: { strategy: 'Channel', inputs: { bits: 4, steps: 20 } },
    },
    adapter: { type: 'LoRA', lora: { rank: 32, alpha: '32' } },
    selection: { type: 'All' },
    optimizer: { type: 'AdamW' },
  },
  paper: {
    title: 'EfficientDM: Efficient Quantization-Aware Fine-Tuning of Low-Bit Diffusion Models',
    arxiv: '2310.03270',
  },
} as const satisfies Preset;
