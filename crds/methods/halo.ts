// HALO: Hadamard-Assisted Lower-Precision Optimization for LLMs. The three products of a linear
// layer are of operands in 8 bits, each with one scale; operands are rotated first, so that what
// stands out in one place is spread over all of them.
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
        'Numbers that are multiplied. INT8: whole numbers, faster where the device multiplies them. FP8: e4m3, computed exactly on processors, where it saves memory and no time.',
      ),
    level: z
      .int32()
      .min(0)
      .max(3)
      .optional()
      .describe(
        'What is rotated. 0: nothing. 1: input and weight, over the channels. 2: the error too, over tokens, where the gradient of the input is made. 3, an experiment that no release has: also where the gradient of the weight is made. When absent 2 for INT8 and 0 for FP8, which rotations do not help.',
      ),
    backward: z
      .enum(['Reuse', 'Textbook'])
      .default('Reuse')
      .describe(
        'Reuse computes gradients from the rotated codes of the forward and turns the results back; Textbook quantizes input and weight again without a rotation, and keeps both in bfloat16 for it. Level 3 is Reuse.',
      ),
    rotation: z
      .enum(['Hartley', 'Hadamard', 'Blocks'])
      .default('Hartley')
      .describe(
        'How the odd part of a width that is no power of two is mixed. Hartley: by a small matrix of sines and cosines, which exists for each. Hadamard: by one of 1 and -1 of order up to 64 where there is one (36 for a width of 576), which takes longer. Blocks: not at all.',
      ),
    tokenBlock: z
      .int32()
      .min(1)
      .max(4096)
      .default(1024)
      .describe('Most tokens that are mixed with each other: a power of two.'),
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
