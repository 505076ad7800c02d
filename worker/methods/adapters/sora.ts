// SoRA: Sparse Low-rank Adaptation of Pre-trained Language Models (Ding et al. 2023).
//
// Against LoRA: a gate g for each rank, normal at first, is trained beside A and B.
//   y = x W^T + s ((drop(x) A^T) * g) B^T      A [R, I] · B [O, R] · g [R] · s = alpha / R
// After the optimizer's own step each gate moves towards zero by the threshold, and stays there
// once it has come: the proximal step of threshold * |g|.
//   g ← sign(g) max(|g| - threshold, 0)
// A gate at zero has a gradient, and opens again where one step moves it by more than the
// threshold. Trained: A, B and g in float32, of the rank at first however many gates are left; g
// without decay. Results have the ranks whose gates are open, with g in B.
// Differences from the release: it also zeroes what is left below the threshold after the step,
// so that it is no proximal step; its norm of gates in the loss, its norms of layers that train,
// and its stages of thresholds, here one line from the first to the last step, are left out.
import * as ops from '../../tensor/ops.generated.ts';
import { normal } from '../../tensor/rng.ts';
import { streamOf } from '../../tensor/streams.ts';
import { type Adapter, factorB, type Moment } from './adapter.ts';
import { type AdapterOf, asLora } from './from-parameters.ts';
import { shrink_, valuesLeft } from './sparse-values.ts';
import { type StandardLora, standardLora } from './standard-lora.ts';

const gate = 'lora_E';

interface SoraSettings extends StandardLora {
  readonly threshold: number;
  /** In the last step. */
  readonly finalThreshold: number;
}

export const soraOf: AdapterOf<'SoRA'> = (own, common) => {
  const { threshold, finalThreshold = threshold } = own;
  const thresholds = { threshold: Number(threshold), finalThreshold: Number(finalThreshold) };
  return sora({ ...asLora(own, common), ...thresholds });
};

export function sora(settings: SoraSettings): Adapter {
  const { rank, seed, dtype } = settings;
  const plain = standardLora(settings);
  return {
    ...plain,
    name: 'SoRA',
    initialize(layer, initial) {
      const { trained } = plain.initialize(layer, initial);
      const g = normal([rank], 1, streamOf(seed, gate, layer.path), dtype);
      return { trained: { ...trained, [gate]: g } };
    },
    factors(layer, tensors, draw) {
      const B = ops.mul(tensors(factorB), tensors(gate));
      return { ...plain.factors(layer, tensors, draw), B };
    },
    decays: (suffix) => suffix !== gate,
    afterUpdate(suffix, value, moment) {
      if (suffix === gate) shrink_(value, thresholdAt(settings, moment));
    },
    losesRanks: true,
    describe(tensors, sum) {
      const gates = tensors.flatMap(({ suffix, value }) => (suffix === gate ? [value] : []));
      return `${valuesLeft(gates, sum)} ranks left`;
    },
  };
}

/** In equal parts from the first step to the last. */
function thresholdAt(
  { threshold, finalThreshold }: Pick<SoraSettings, 'threshold' | 'finalThreshold'>,
  { step, totalSteps }: Moment,
): number {
  return threshold + ((finalThreshold - threshold) * step) / Math.max(1, totalSteps - 1);
}
