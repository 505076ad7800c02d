// Gradients of a part of a model that is written as a function of its input and its tensors,
// without a backward by hand: what lies before or behind the blocks.
import { Bug } from '../../crds/failures/errors.ts';
import { grad, leaf, withTape } from '../tensor/autograd.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** A complete tensor of the model by its name. */
type Value = (name: string) => Tensor;

interface Taped {
  /** Names of the tensors whose gradients are wanted. */
  readonly active: readonly string[];
  /** The function, of leaves where gradients are wanted. */
  of(x: Tensor, value: Value): Tensor;
  /** The gradient of its output, given that. */
  seed(output: Tensor): Tensor;
}

interface TapedGradients {
  readonly output: Tensor;
  /** Gradient of `x`, of its shape. */
  readonly input: Tensor;
  /** Of the active tensors, in their order; null for one that the function does not read. */
  readonly active: readonly (Tensor | null)[];
}

export function throughTape(x: Tensor, value: Value, { active, of, seed }: Taped): TapedGradients {
  return scope(() => {
    const from = leaf(x);
    const leaves = new Map(active.map((name) => [name, leaf(value(name))]));
    const taped = withTape(() => of(from, (name) => leaves.get(name) ?? value(name)));
    const output = ops.detach(taped);
    const [input, ...found] = grad([taped], [from, ...leaves.values()], [seed(output)]);
    if (input === undefined || input === null) throw new Bug('a function ignores its input');
    return { output, input, active: found };
  });
}
