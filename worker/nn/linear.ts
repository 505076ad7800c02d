// Linear layers: the stored weights, and an adapter beside each where there is one. Which arithmetic
// is used and how a weight is stored is the business of two seams; here they meet.
import type { Delta } from '../adapters/adapter.ts';
import * as ops from '../tensor/ops.generated.ts';
import type { Tensor } from '../tensor/tensor.ts';

export interface LinearTensors {
  readonly weight: Tensor;
  readonly bias: Tensor | null;
  readonly delta: Delta | null;
}

/** `x W^T + bias`, with the low-rank branch of an adapter inside the same sum. */
export function linear(x: Tensor, { weight, bias, delta }: LinearTensors): Tensor {
  if (delta === null) return ops.linear(x, weight, bias);
  return ops.loraLinear(x, weight, bias, delta.A, delta.B, delta.scale, delta.dropped(x));
}

/**
 * Layers that read the same `x`: it is packed once for all, and the gradient of `x` is one sum. Only
 * where they are alike: with adapters that drop nothing, or all without.
 */
export function linears(x: Tensor, layers: readonly LinearTensors[]): readonly Tensor[] {
  const deltas = layers.flatMap(({ delta }) => (delta === null || delta.drops ? [] : [delta]));
  const weights = layers.map(({ weight }) => weight);
  const biases = layers.map(({ bias }) => bias);
  if (deltas.length === layers.length) {
    return ops.loraLinearGroup(
      x,
      weights,
      biases,
      deltas.map(({ A }) => A),
      deltas.map(({ B }) => B),
      deltas.map(({ scale }) => scale),
    );
  }
  if (layers.every(({ delta }) => delta === null)) return ops.linearGroup(x, weights, biases);
  return layers.map((layer) => linear(x, layer));
}
