// PV-Tuning: Beyond Straight-Through Estimation for Extreme LLM Compression. What codes stand for
// trains while they are fixed (P), and a few codes, those that would move most, are chosen anew for
// the vectors that result (V):
//   C, s, norms, embeddings <- LAMB(gradients)      buffer <- buffer - LAMB(dL/dW)
//   codes <- nearest to the buffer, where it is far
import * as z from 'zod';
import { decimal } from '../schema/decimal.ts';
import { adamParameters } from './adamw.ts';
import { axisEntry, type Preset } from './method.ts';

const paper = {
  title: 'PV-Tuning: Beyond Straight-Through Estimation for Extreme LLM Compression',
  arxiv: '2405.14852',
} as const;

const { betas, epsilon } = adamParameters.shape;

export const pvTuning = axisEntry({
  axis: 'optimizer',
  type: 'PVTuning',
  member: 'pvTuning',
  summary:
    'Trains codebooks, scales and what is dense by LAMB, and moves the few codes whose weights would move most.',
  paper,
  parameters: z.strictObject({
    betas: betas
      .unwrap()
      .default(['0.9', '0.95'])
      .describe('How much of the moments is kept at each step, for all but codes.'),
    epsilon: epsilon
      .unwrap()
      .default('1e-6')
      .describe(epsilon.description ?? ''),
    lamb: z
      .boolean()
      .default(true)
      .describe(
        'Whether an update is scaled by the size of what it changes (LAMB): the learning rate is then the share of it that a step moves.',
      ),
    codeLearningRate: decimal({ above: 0 })
      .default('0.01')
      .describe(
        'Learning rate of what codes are chosen for, at the peak of the schedule: of W in place of C.',
      ),
    codeBetas: betas
      .unwrap()
      .default(['0', '0.95'])
      .describe('The same as betas, for codes. A first of 0 keeps no mean of gradients.'),
    maxCodeChange: decimal({ above: 0, max: 1 })
      .default('0.01')
      .describe(
        'Share of the groups of a matrix whose codes may change at a step: tau. 1 with a deltaDecay of 0 is straight-through estimation.',
      ),
    codeTrustRatio: decimal({ above: 0 })
      .optional()
      .describe(
        'How far a step may move a matrix by its codes, as a share of its norm; one group may always change. No limit when absent.',
      ),
    beamSize: z
      .int32()
      .min(1)
      .max(16)
      .default(5)
      .describe('Hypotheses that the search for codes keeps for each group.'),
    deltaDecay: decimal({ min: 0, max: 1 })
      .default('0')
      .describe(
        'Share by which the buffer that codes are chosen for is drawn back to what they stand for. 0 keeps what has gathered; 1 keeps no buffer: codes then move only by steps that are far enough by themselves.',
      ),
    updateCodes: z.boolean().default(true).describe('Whether codes train: the V step.'),
    updateCodebooks: z
      .boolean()
      .default(true)
      .describe('Whether codebooks and scales train: the P step.'),
  }),
});

export const pvTuningPreset = {
  preset: 'PVTuning',
  summary:
    'Linear layers in 2 bits a weight, as sums of vectors from codebooks; codes, codebooks and all that is dense train.',
  axes: {
    base: { type: 'Codebook' },
    adapter: { type: 'None' },
    selection: { type: 'All' },
    optimizer: { type: 'PVTuning' },
  },
  paper,
} as const satisfies Preset;
