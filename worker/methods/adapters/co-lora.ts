// CoLoRA: contribution-based low-rank adaptation (Park, Kim & Chun 2024, for restoring pictures). A
// reconstruction from the abstract: ranks follow from how much each layer contributes to what
// training changes; how that is measured and shared out is ours.
//
// Against LoRA: each layer has a rank of its own, found before step 0 (train/contributions.ts).
//   probe     y = x (W_l + s B_l A_l)^T with the largest rank, for some steps
//   C_l       what the change of layer l adds to the loss on the straight way to the probe
//   ranks     in proportion to |C_l|, at least a tenth of the largest, within `ratio` of the
//             weights (rank-budget.ts)
//   training  y = x W_l^T + s (drop(x) A_l^T) B_l^T      begun afresh, s = alpha / R for all R_l
// The probe trains on the first batches of training, and C_l is measured on the next: held-out
// records stay unseen. Trained: A_l and B_l in float32.
import { item } from '../../tensor/tensor.ts';
import { type Adapter, plannedRank } from './adapter.ts';
import { type AdapterOf, asLora } from './from-parameters.ts';
import { type StandardLora, standardLora } from './standard-lora.ts';

/** Of the probe: the usual one of LoRA. */
const probeRate = 1e-3;

interface CoLoraSettings extends StandardLora {
  readonly ratio: number;
  readonly probeSteps: number;
  readonly intervals: number;
}

export const coLoraOf: AdapterOf<'CoLoRA'> = (own, common) =>
  coLora({
    ...asLora(own, common),
    ...{ ratio: Number(own.ratio), probeSteps: own.probeSteps, intervals: own.intervals },
  });

export function coLora({ ratio, probeSteps, intervals, ...own }: CoLoraSettings): Adapter {
  const { rank, alpha, seed, dtype } = own;
  return {
    ...standardLora(own),
    name: 'CoLoRA',
    contribution: {
      ...{ rank, ratio, probeSteps, intervals, seed, dtype, scale: alpha / rank },
      learningRate: probeRate,
    },
    initialize(layer, initial) {
      const planned = item(initial(plannedRank));
      const { trained } = standardLora({ ...own, rank: planned }).initialize(layer, initial);
      return { trained };
    },
  };
}
