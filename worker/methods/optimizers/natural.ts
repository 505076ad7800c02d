// Natural GaLore: Efficient On-Line Natural Gradient Descent (Das 2024).
//
// Against GaLore: the inner optimizer sees a natural gradient of the subspace. The Fisher matrix of
// the projected gradient is estimated from the last S of them, the columns of H, with damping λ:
//   F = λ I + H H^T      g' = F^-1 g = H w      (λ I + H^T H) w = e
// g is the newest column of H, so that w solves a system of S unknowns for the unit vector e: the
// formula of Woodbury without the difference of two large terms that it has elsewhere.
//
// State of a matrix beside GaLore's: H^T in bfloat16, a ring of S rows (float64 in a float64
// model), and H^T H in float64. What is added to H^T H are products of the rounded gradients, so
// that it stays positive. A refresh of the basis empties both: gradients of two subspaces have no
// inner products. One side is projected, as the paper says, or both (two-sided.ts), as the release
// does: then low, moments and history have r x r values.

import { Bug } from '../../../crds/failures/errors.ts';
import { exactType } from '../../tensor/dtype.ts';
import * as ops from '../../tensor/ops.generated.ts';
import { scope } from '../../tensor/scope.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { byOneThread } from '../../tensor/threads.ts';
import type { WithinSubspace } from './galore.ts';
import type { OptimizerState } from './optimizer.ts';

interface NaturalSettings {
  /** S */
  readonly history: number;
  /** λ */
  readonly damping: number;
}

export function naturalGradient({ history, damping }: NaturalSettings): WithinSubspace {
  return {
    initialize(low) {
      const isExact = low.dtype === 'float64';
      return {
        history: ops.zeros([history, low.numel], { dtype: isExact ? 'float64' : 'bfloat16' }),
        products: ops.zeros([history, history], { dtype: 'float64' }),
      };
    },
    forget(state) {
      const { history: past, products } = pastOf(state);
      ops.zero_(past);
      ops.zero_(products);
    },
    change(low, state, { count, gradientScale }) {
      const past = pastOf(state);
      const place = (count - 1) % history;
      return scope(() => {
        remember(past, place, ops.mulScalar(low, gradientScale));
        const weights = ops.to(weightsOf(past, place, damping), low.dtype);
        return ops.reshape(combined(past.history, weights), low.shape);
      });
    },
  };
}

type Past = Readonly<Record<'history' | 'products', Tensor>>;

function pastOf({ history, products }: OptimizerState): Past {
  if (!history || !products) throw new Bug('a natural gradient has no history');
  return { history, products };
}

/** Puts `g` into row `place`, and its products with all rows beside the others. */
function remember({ history, products }: Past, place: number, g: Tensor): void {
  ops.copy_(ops.select(history, 0, place), ops.reshape(g, [g.numel]));
  const sums = overColumns(history, (some) => {
    // Not `mv`: this has the same bits for any number of threads.
    const own = ops.linear(ops.narrow(some, 0, place, 1), some);
    return ops.to(own, 'float64');
  });
  const all = ops.select(ops.sumDim(ops.stack(sums), [0]), 0, 0);
  ops.copy_(ops.select(products, 0, place), all);
  ops.copy_(ops.select(products, 1, place), all);
}

/** w `[1, S]` of the header. */
function weightsOf({ history, products }: Past, place: number, damping: number): Tensor {
  const [size = 0] = products.shape;
  const unit = ops.eye(size, { dtype: 'float64' });
  const damped = ops.add(products, unit, { alpha: damping });
  if (history.dtype !== 'float64') {
    const largest = ops.amax(ops.diagonal(products));
    ops.add_(damped, ops.mul(unit, ops.mulScalar(largest, roundingOfProducts)));
  }
  return byOneThread(() => {
    const [lower] = ops.linalgCholesky(damped);
    const half = ops.linalgSolveTriangular(lower, ops.narrow(unit, 1, place, 1), { upper: false });
    return ops.t(ops.linalgSolveTriangular(ops.t(lower), half, { upper: true }));
  });
}

/** Products are summed in float32, and a matrix of them is positive up to this. */
const roundingOfProducts = 2 ** -20;

/** `w H^T`, `[1, numel]` */
function combined(history: Tensor, weights: Tensor): Tensor {
  return ops.cat(
    overColumns(history, (some) => ops.linear(weights, ops.t(some))),
    1,
  );
}

/** Results for some columns at a time, in the type of their arithmetic. */
function overColumns(history: Tensor, of: (some: Tensor) => Tensor): readonly Tensor[] {
  const [rows = 0, columns = 0] = history.shape;
  const dtype = exactType(history.dtype);
  const width = Math.ceil(valuesAtOnce / rows);
  const found: Tensor[] = [];
  for (let at = 0; at < columns; at += width) {
    const some = ops.narrow(history, 1, at, Math.min(width, columns - at));
    found.push(scope(() => of(ops.to(some, dtype))));
  }
  return found;
}

const valuesAtOnce = 1 << 20;
