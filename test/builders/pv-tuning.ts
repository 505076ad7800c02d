// PV-Tuning at the size of a toy.

import type { Optimizer } from '../../worker/methods/optimizers/optimizer.ts';
import { type CodeSettings, pvTuning } from '../../worker/methods/optimizers/pv-tuning.ts';
import type { CodeChoice } from '../../worker/methods/weights/choose-codes.ts';

export const toyCodebook: CodeChoice = {
  ...{ codebooks: 2, bits: 4, groupSize: 4, beam: 4, refinements: 2 },
};

/** A tenth of the codes may move at a step. */
export const toyCodes: CodeSettings = {
  ...{ beta1: 0, beta2: 0.95, rateRatio: 1, maxChange: 0.1, trustRatio: null },
  ...{ beam: 2, deltaDecay: 0 },
};

/** Codebooks and what is dense move; codes as is said, or not at all. */
export function aPvTuning(codes: CodeSettings | null): Optimizer {
  return pvTuning({
    ...{ beta1: 0.9, beta2: 0.95, epsilon: 1e-6, lamb: true, masterWeights: 'Float32' },
    ...{ updateCodebooks: true, codes },
  });
}
