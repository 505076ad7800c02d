// The term that an adapter adds to the loss for its own tensors: the mean over its layers of what
// `regularizer` gives. It depends on no token, so it is computed once a step, however many
// micro-batches and ranks there are: rank 0 adds its gradients to its own before ranks sum theirs.
import { grad, leaf, withTape } from '../tensor/autograd.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { byOneThread } from '../tensor/threads.ts';
import { type Model, tensorName } from './model.ts';
import type { Parameter } from './parameters.ts';

interface Regularization {
  /** The layer's share of the term: a float64 scalar. */
  readonly value: Tensor;
  /** One for each parameter, in order; null where the term does not depend on it. */
  readonly gradients: readonly (Tensor | null)[];
}

/** Null where nothing is added for the block. */
export type BlockTerm = (
  model: Model,
  layer: number,
  parameters: readonly Parameter[],
) => Regularization | null;

/**
 * Of the parameters of block `layer`, which must be complete; null where the adapter regularizes
 * nothing there.
 */
export function regularization(
  model: Model,
  layer: number,
  parameters: readonly Parameter[],
): Regularization | null {
  const { adapter, adapted } = model;
  if (adapter?.regularizer === undefined) return null;
  const layers = [...adapted.values()].filter((each) => each.layer === layer);
  if (layers.length === 0 || parameters.length === 0) return null;
  const { regularizer } = adapter;
  // Sums of norms depend on the number of threads.
  return byOneThread(() =>
    scope(() => {
      const { value, leaves } = withTape(() => {
        const byName = new Map(parameters.map((one) => [one.name, leaf(one.value)]));
        const read = (name: string): Tensor => byName.get(name) ?? model.parameters.value(name);
        const terms = layers.map((each) =>
          regularizer(each, (suffix) => read(tensorName(adapter, each.path, suffix))),
        );
        const sum = ops.sum(ops.stack(terms));
        return { value: ops.divScalar(sum, adapted.size), leaves: [...byName.values()] };
      });
      const gradients = grad([value], leaves, [null]);
      return { value: ops.to(ops.detach(value), 'float64'), gradients };
    }),
  );
}
