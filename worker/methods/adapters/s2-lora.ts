// S2-LoRA: Sparsely Shared LoRA on Whisper for Child Speech Recognition (Liu et al. 2023).
//
// Against LoRA: all layers of the same size share A and B, here Q and P, and each layer has a
// coefficient of its own for each rank.
//   y = x W^T + s ((drop(x) Q^T) * c) P^T     Q [R, I] · P [O, R] shared · c [R] · s = alpha / R
//   loss + lambda mean (|P^T P - I| + |Q Q^T - I|)      mean over layers
// After the optimizer's own step each coefficient moves towards zero by the threshold, and stays
// there once it has come: the proximal step of threshold * |c|, as SoRA has it for gates.
// Trained, in float32: c, zero at first and alone with decay, and P and Q, whose gradients are sums
// over their layers and zero in the first step. Columns of P and rows of Q are normal, of length 1
// on average, so that they begin near what their term of the loss pulls them to. Results have the
// ranks of each layer whose coefficients are not zero, with c in B.
// The paper came without code: how P and Q begin, the term of the loss, which is AdaLoRA's, the
// proximal step in place of a norm of c in the loss, and the lower learning rate of P and Q are
// ours.
import * as ops from '../../tensor/ops.generated.ts';
import { normal } from '../../tensor/rng.ts';
import { streamOf } from '../../tensor/streams.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Adapter, LinearLayer } from './adapter.ts';
import { type AdapterOf, asUnscaledLora } from './from-parameters.ts';
import { shrink_, valuesLeft } from './sparse-values.ts';
import { type StandardLora, standardLora } from './standard-lora.ts';

const coefficients = 's2lora_c';

interface S2LoraSettings extends StandardLora {
  readonly threshold: number;
  /** Learning rate of c over that of P and Q. */
  readonly learningRateRatio: number;
  readonly orthogonality: number;
}

export const s2LoraOf: AdapterOf<'S2LoRA'> = (own, common) =>
  s2Lora({
    ...asUnscaledLora(own, common),
    threshold: Number(own.threshold),
    learningRateRatio: Number(own.learningRateRatio),
    orthogonality: Number(own.orthogonality),
  });

export function s2Lora(settings: S2LoraSettings): Adapter {
  const { rank, seed, dtype, threshold, orthogonality } = settings;
  const plain = standardLora(settings);
  const isShared = (name: string): boolean => /^s2lora_[PQ]\./.test(name);
  return {
    ...plain,
    name: 'S2LoRA',
    initialize: () => ({ trained: { [coefficients]: ops.zeros([rank], { dtype }) } }),
    shares: isShared,
    shared(layers) {
      const drawn = (name: string, shape: readonly number[], length: number) =>
        [name, normal(shape, 1 / Math.sqrt(length), streamOf(seed, name), dtype)] as const;
      const bySize = new Map(layers.map((layer) => [nameOf('P', layer), layer]));
      const all = [...bySize.values()].flatMap((layer) => [
        drawn(nameOf('P', layer), [layer.out, rank], layer.out),
        drawn(nameOf('Q', layer), [rank, layer.in], layer.in),
      ]);
      return { trained: Object.fromEntries(all) };
    },
    factors(layer, tensors, draw) {
      const B = ops.mul(tensors(nameOf('P', layer)), tensors(coefficients));
      const Q = tensors(nameOf('Q', layer));
      return { ...plain.factors(layer, () => Q, draw), B };
    },
    ...(orthogonality > 0 && {
      regularizer: (layer: LinearLayer, tensors: (name: string) => Tensor) => {
        const ofQ = ops.orthonormalDistance(tensors(nameOf('Q', layer)));
        const ofP = ops.orthonormalDistance(ops.t(tensors(nameOf('P', layer))));
        return ops.mulScalar(ops.add(ofQ, ofP), orthogonality);
      },
    }),
    learningRateFactor: (name) => (isShared(name) ? 1 / settings.learningRateRatio : 1),
    decays: (name) => !isShared(name),
    afterUpdate(name, value) {
      if (!isShared(name)) shrink_(value, threshold);
    },
    losesRanks: true,
    describe(tensors, sum) {
      const own = tensors.flatMap(({ suffix, value }) => (isShared(suffix) ? [] : [value]));
      return `${valuesLeft(own, sum)} coefficients left`;
    },
  };
}

function nameOf(matrix: 'P' | 'Q', { out, in: inputs }: LinearLayer): string {
  return `s2lora_${matrix}.${out}x${inputs}`;
}
