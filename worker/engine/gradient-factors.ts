// The gradient of a weight, dy^T x, computed directly in a subspace (methods/optimizers/galore.ts)
// without the full gradient. The tape keeps enough to recompute x `[T, I]`; dy `[T, O]` is the
// gradient of zeros added to the layer's output, which take no memory.
import { Bug } from '../../crds/failures/errors.ts';
import type { Projector } from '../methods/optimizers/optimizer.ts';
import type { LayerInput, Tap } from '../nn/linear.ts';
import { leaf } from '../tensor/autograd.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** By weight name, how its gradient is projected; other weights get full gradients. */
export type Projectors = ReadonlyMap<string, Projector>;

/** The two factors of one layer's gradient, while its tape lives. */
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

  /** Null for a layer whose weight gets a full gradient. */
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

/** The tensors that the factors keep alive. */
export function tensorsOfFactors(factors: readonly Factors[]): readonly Tensor[] {
  return factors.flatMap(({ zeros, input }) => [zeros, ...input.of]);
}

/** Projected gradients by name; takes over `dys`, in the order of the factors. */
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
        throw new Bug(`${name} has no gradient factors, or was projected before`);
      if (dy === undefined || dy === null) continue;
      const x = inputs.get(input) ?? input.make();
      inputs.set(input, x);
      made.set(name, project(dy, x));
      dy.dispose();
    }
    return made;
  });
}
