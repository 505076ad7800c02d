// LISA: Layerwise Importance Sampling for Memory-Efficient Large Language Model Fine-Tuning. Every
// K steps gamma blocks are sampled and trained with full rank; the others are frozen, without
// gradients and state:
//   p(embedding) = p(head) = 1,   p(block) = gamma / L
import * as z from 'zod';
import { decimal } from '../schema/decimal.ts';
import { axisEntry, type Preset } from './method.ts';

const paper = {
  title:
    'LISA: Layerwise Importance Sampling for Memory-Efficient Large Language Model Fine-Tuning',
  arxiv: '2403.17919',
} as const;

/** Parameters of every method that samples blocks. */
export const drawParameters = z.strictObject({
  activeLayers: z
    .int32()
    .min(1)
    .max(1024)
    .default(2)
    .describe(
      'Active blocks: gamma. With the number of blocks of the model, or more, all are trained.',
    ),
  intervalSteps: z
    .int32()
    .min(1)
    .max(1_000_000)
    .default(20)
    .describe('Steps between two samplings: K.'),
  state: z
    .enum(['Drop', 'Keep', 'Reset'])
    .default('Drop')
    .describe(
      'Optimizer state of inactive blocks. Drop frees it, so that a block starts with empty state when it is active again; Keep retains it, so that memory grows to that of full fine-tuning; Reset frees all state at each sampling.',
    ),
  trainEmbeddings: z
    .boolean()
    .default(true)
    .describe(
      'Whether the embedding, and with it a tied head, is trained at every step. If not, no gradient is computed below the lowest active block.',
    ),
  trainHead: z.boolean().default(true).describe('Whether an untied head is trained at every step.'),
  trainFinalNorm: z
    .boolean()
    .default(true)
    .describe('Whether the final norm is trained at every step.'),
});

export const lisa = axisEntry({
  axis: 'selection',
  type: 'LISA',
  member: 'lisa',
  summary:
    'A few blocks, sampled every few steps, are trained; the others need no optimizer state.',
  paper,
  parameters: drawParameters.extend({
    sampling: z
      .enum(['Uniform', 'Cyclic', 'Increasing', 'Decreasing', 'Weighted'])
      .default('Uniform')
      .describe(
        'How blocks are sampled: uniformly; in turn; with weights 1 to L, or L to 1, from the first block to the last; or with weights of the job.',
      ),
    weights: z
      .array(decimal({ min: 0 }))
      .min(1)
      .max(1024)
      .optional()
      .describe('For Weighted: one number for each block of the model, first to last.'),
  }),
});

export const lisaPreset = {
  preset: 'LISA',
  summary:
    'All weights can be trained, two blocks at a time beside embedding and head, with AdamW.',
  axes: {
    adapter: { type: 'None' },
    selection: { type: 'LISA' },
    optimizer: { type: 'AdamW' },
  },
  paper,
} as const satisfies Preset;
