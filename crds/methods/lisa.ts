// LISA: Layerwise Importance Sampling for Memory-Efficient Large Language Model Fine-Tuning. Every
// K steps gamma blocks are drawn; these train with their full rank, the others rest without
// gradient and without state:
//   p(embedding) = p(head) = 1,   p(block) = gamma / L
import * as z from 'zod';
import { decimal } from '../schema/decimal.ts';
import { axisEntry, type Preset } from './method.ts';

const paper = {
  title:
    'LISA: Layerwise Importance Sampling for Memory-Efficient Large Language Model Fine-Tuning',
  arxiv: '2403.17919',
} as const;

/** What every method has that draws blocks. */
export const drawParameters = z.strictObject({
  activeLayers: z
    .int32()
    .min(1)
    .max(1024)
    .default(2)
    .describe(
      'Blocks that train at a time: gamma. As many as the model has, or more: all of them.',
    ),
  intervalSteps: z
    .int32()
    .min(1)
    .max(1_000_000)
    .default(20)
    .describe('Steps between two draws: K.'),
  state: z
    .enum(['Drop', 'Keep', 'Reset'])
    .default('Drop')
    .describe(
      'Optimizer state of blocks that rest. Drop frees it, and a block that returns begins anew; Keep holds it, so that memory grows to that of full fine-tuning; Reset frees all state at each draw.',
    ),
  trainEmbeddings: z
    .boolean()
    .default(true)
    .describe(
      'Whether the embedding trains at every step, and with it a tied head. Without it no gradient is computed below the lowest block that trains.',
    ),
  trainHead: z.boolean().default(true).describe('Whether a head of its own trains at every step.'),
  trainFinalNorm: z
    .boolean()
    .default(true)
    .describe('Whether the norm behind the last block trains at every step.'),
});

export const lisa = axisEntry({
  axis: 'selection',
  type: 'LISA',
  member: 'lisa',
  summary: 'A few blocks, drawn anew every some steps, train; the others rest and need no state.',
  paper,
  parameters: drawParameters.extend({
    sampling: z
      .enum(['Uniform', 'Cyclic', 'Increasing', 'Decreasing', 'Weighted'])
      .default('Uniform')
      .describe(
        'How blocks are drawn: all alike; all in turn; with weights 1 to L, or L to 1, from the first block to the last; or by weights of the job.',
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
