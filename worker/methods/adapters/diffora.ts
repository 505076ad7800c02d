// DiffoRA: differential module selection (Jiang et al. 2025). A reconstruction from the abstract: a
// matrix of gates, one for each layer, is relaxed to continuous values, trained with weights that
// layers share, and made discrete; the numbers and the order of updates are ours.
//
// Against LoRA: layers without an adapter, which a search chooses before step 0 (module-search.ts).
//   search    y = x (W_l + g_l s B_k A_k)^T      g_l = sigmoid(t_l), t_l = 0 at first
//   training  y = x W_l^T + s (drop(x) A_l^T) B_l^T      for the layers of the largest t_l
// A_k and B_k belong to all layers of one name and shape. A step of the search computes gradients
// of the changed weights for two batches: of the first those of A_k and B_k follow, of the second
// those of t_l, with the new A_k and B_k held fixed (first order of a problem of two levels, as in
// DARTS). In each block the layers with the largest t_l get LoRA, begun afresh. The batches are the
// first of training, odd ones for gates: held-out records stay unseen. Trained: A_l and B_l in
// float32.
import { chosenOf } from '../../../crds/methods/diffora.ts';
import type { Adapter } from './adapter.ts';
import { type AdapterOf, asLora } from './from-parameters.ts';
import { type StandardLora, standardLora } from './standard-lora.ts';

/** Of the shared adapters, and how far a gate of usual gradients moves in a step. */
export const searchRate = 1e-3;
export const gateRate = 0.1;

interface DifforaSettings extends StandardLora {
  readonly chosenShare: number;
  readonly searchSteps: number;
}

export const difforaOf: AdapterOf<'DiffoRA'> = (own, common) =>
  diffora({
    ...asLora(own, common),
    chosenShare: Number(own.chosenShare),
    searchSteps: own.searchSteps,
  });

export function diffora({ chosenShare, ...own }: DifforaSettings): Adapter {
  const { rank, alpha, seed, dtype } = own;
  return {
    ...standardLora(own),
    name: 'DiffoRA',
    search: {
      ...{ rank, seed, dtype, scale: alpha / rank, steps: own.searchSteps },
      learningRate: searchRate,
      gateLearningRate: gateRate,
      chosen: (layers) => chosenOf(chosenShare, layers),
    },
  };
}
