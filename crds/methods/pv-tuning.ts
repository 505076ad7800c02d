// PV-Tuning: Beyond Straight-Through Estimation for Extreme LLM Compression. The values of codes
// are trained while the codes are fixed (P); then a few codes, those with the largest changes, are
// chosen again for the new values (V):
//   C, s, norms, embeddings <- LAMB(gradients)      buffer <- buffer - LAMB(dL/dW)
//   codes <- nearest to the buffer, where the distance is large
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
    'Trains codebooks, scales and dense tensors by LAMB, and changes the few codes whose weights would change most.',
  paper,
  parameters: z.strictObject({
    betas: betas
      .unwrap()
      .default(['0.9', '0.95'])
      .describe('Decay rates of the moments, for all but codes.'),
    epsilon: epsilon
      .unwrap()
      .default('1e-6')
      .describe(epsilon.description ?? ''),
    lamb: z
      .boolean()
      .default(true)
      .describe(
        'Whether an update is scaled by the norm of its tensor (LAMB): the learning rate is then relative to that norm.',
      ),
    codeLearningRate: decimal({ above: 0 })
      .default('0.01')
      .describe('Peak learning rate of the buffer that codes are chosen for: of W instead of C.'),
    codeBetas: betas
      .unwrap()
      .default(['0', '0.95'])
      .describe('Like betas, for codes. If the first is 0, there is no first moment.'),
    maxCodeChange: decimal({ above: 0, max: 1 })
      .default('0.01')
      .describe(
        'Share of the groups of a matrix whose codes may change in a step: tau. 1 with deltaDecay 0 is straight-through estimation.',
      ),
    codeTrustRatio: decimal({ above: 0 })
      .optional()
      .describe(
        'Largest change of a matrix by its codes in a step, relative to its norm; one group may always change. No limit when absent.',
      ),
    beamSize: z
      .int32()
      .min(1)
      .max(16)
      .default(5)
      .describe('Beam size of the search for the codes of each group.'),
    deltaDecay: decimal({ min: 0, max: 1 })
      .default('0')
      .describe(
        'Decay of the buffer, which codes are chosen for, towards the values of the current codes. 0 keeps everything; 1 keeps no buffer: codes then change only by single steps that are large enough.',
      ),
    updateCodes: z.boolean().default(true).describe('Whether codes are trained: the V step.'),
    updateCodebooks: z
      .boolean()
      .default(true)
      .describe('Whether codebooks and scales are trained: the P step.'),
  }),
  words({ updateCodes, updateCodebooks, maxCodeChange, deltaDecay }) {
    if (!updateCodes) return 'PV-Tuning with fixed codes';
    const isStraight = Number(maxCodeChange) === 1 && Number(deltaDecay) === 0;
    const name = isStraight ? 'straight-through codes' : 'PV-Tuning';
    return updateCodebooks ? name : `${name} with fixed codebooks`;
  },
});

export const pvTuningPreset = {
  preset: 'PVTuning',
  summary:
    'Linear layers in 2 bits per weight, as sums of vectors from codebooks; codes, codebooks and dense tensors are trained.',
  axes: {
    base: { type: 'Codebook' },
    adapter: { type: 'None' },
    selection: { type: 'All' },
    optimizer: { type: 'PVTuning' },
  },
  paper,
} as const satisfies Preset;
