// The gradient of a weight as what it is a product of, dy^T x, for updates that want it in a
// subspace (methods/optimizers/galore.ts): then it is never made. Of x `[T, I]` a tape keeps what
// it was made from anyway; dy `[T, O]` is the gradient of zeros that are added to what the layer
// puts out, which take no memory.
import { Bug } from '../../crds/failures/errors.ts';
import type { Projector } from '../methods/optimizers/optimizer.ts';
import type { LayerInput, Tap } from '../nn/linear.ts';
import { leaf } from '../tensor/autograd.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** How gradients of weights get into their subspaces, by name; others are made. */
export type Projectors = ReadonlyMap<string, Projector>;

/** Of one layer, while a tape lives. */
interface Factors {
  readonly name: string;
  readonly zeros: Tensor;
  readonly input: LayerInput;
}

/** Collects the factors of the layers that a tape records. */
export class FactorTaps {
  readonly #projectors: Projectors;
  readonly found: Factors[] = [];

  constructor(projectors: Projectors) {
    this.#projectors = projectors;
  }

  /** Null for a layer whose weight gets its gradient itself. */
  readonly of = (name: string): Tap | null => {
    if (!this.#projectors.has(name)) return null;
    return (output, input) => {
      const none = ops.zeros([1, 1], { dtype: output.dtype });
      const zeros = leaf(ops.expand(none, output.shape));
      this.found.push({ name, zeros, input });
      return ops.add_(output, zeros);
    };
  };
}

/** What holds memory for the factors. */
export function tensorsOfFactors(factors: readonly Factors[]): readonly Tensor[] {
  return factors.flatMap(({ zeros, input }) => [zeros, ...input.of]);
}

/** Gradients in their subspaces, by name; takes over `dys`, in the order of the factors. */
export function projected(
  factors: readonly Factors[],
  dys: readonly (Tensor | null | undefined)[],
  projectors: Projectors,
): ReadonlyMap<string, Tensor> {
  return scope(() => {
    const inputs = new Map<LayerInput, Tensor>();
    const made = new Map<string, Tensor>();
    for (const [index, { name, input }] of factors.entries()) {
      const project = projectors.get(name);
      const dy = dys[index];
      if (project === undefined || made.has(name))
        throw new Bug(`${name} has no factors of its own`);
      if (dy === undefined || dy === null) continue;
      const x = inputs.get(input) ?? input.make();
      inputs.set(input, x);
      made.set(name, project(dy, x));
      dy.dispose();
    }
    return made;
  });
}
