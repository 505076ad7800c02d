// HALO: Hadamard-Assisted Lower-Precision Optimization for LLMs. The three products of a linear
// layer have 8-bit operands, each with one scale; operands are rotated first, so that outliers are
// spread over all values.
import * as z from 'zod';
import { text } from '../schema/text.ts';
import { masterWeights } from './master-weights.ts';
import { axisEntry, type Preset } from './method.ts';

const paper = {
  title: 'HALO: Hadamard-Assisted Lower-Precision Optimization for LLMs',
  arxiv: '2501.02625',
} as const;

export const halo = axisEntry({
  axis: 'precision',
  type: 'HALO',
  member: 'halo',
  summary:
    'Linear layers of the blocks multiply in 8 bits, forward and backward, after Hadamard rotations; all else is bfloat16.',
  paper,
  parameters: z.strictObject({
    format: z
      .enum(['INT8', 'FP8'])
      .default('INT8')
      .describe(
        'Type of the operands. INT8: faster where the device has integer products. FP8: e4m3, computed exactly on processors, where it saves memory but no time.',
      ),
    level: z
      .int32()
      .min(0)
      .max(3)
      .optional()
      .describe(
        'What is rotated. 0: nothing. 1: input and weight, over channels. 2: also the output gradient, over tokens, for the gradient of the input. 3 (experimental): also for the gradient of the weight. When absent 2 for INT8 and 0 for FP8, which rotations do not help.',
      ),
    backward: z
      .enum(['Reuse', 'Textbook'])
      .default('Reuse')
      .describe(
        'Reuse computes gradients from the quantized values of the forward and rotates the results back; Textbook keeps input and weight in bfloat16 and quantizes them again without a rotation. Level 3 requires Reuse.',
      ),
    rotation: z
      .enum(['Hartley', 'Hadamard', 'Blocks'])
      .default('Hartley')
      .describe(
        'Rotation for the odd factor of a width that is not a power of two. Hartley: a small matrix of sines and cosines, which exists for every size. Hadamard: a matrix of 1 and -1 of order up to 64 if one exists (36 for a width of 576), which is slower. Blocks: none.',
      ),
    tokenBlock: z
      .int32()
      .min(1)
      .max(4096)
      .default(1024)
      .describe('Tokens that are rotated together, at most: a power of two.'),
    exclude: z
      .array(text(256))
      .min(1)
      .max(64)
      .optional()
      .describe('Linear layers that stay in bfloat16, by names such as down_proj.'),
    masterWeights,
  }),
});

export const haloPreset = {
  preset: 'HALO',
  summary: 'Full fine-tuning with products in 8 bits (INT8, level 2), with AdamW.',
  axes: {
    precision: { type: 'HALO' },
    base: { type: 'Dense' },
    adapter: { type: 'None' },
    selection: { type: 'All' },
    optimizer: { type: 'AdamW' },
  },
  paper,
} as const satisfies Preset;
