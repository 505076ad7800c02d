// LoLDU: Low-Rank Adaptation via Lower-Diag-Upper Decomposition (Shi et al. 2024).
//
// Against LoRA: both factors are fixed, triangular, and a vector between them is trained.
//   P^T W = L D U      y = x W^T + x U_r^T diag(z - D_r) (P L_r)^T
// L [O, k] is lower and U [k, I] upper triangular with ones, k = min(O, I); r of them are used, z
// begins as D_r. A layer whose smaller side is below the rank takes that side. Trained: z in
// float32. Kept: P L_r, U_r and D_r, because pivots differ between machines.
// Differences from the release: the change is added to the frozen weight, which stays as it is (it
// subtracts the first part from the weight); no scale; other ways to begin z, which change the
// model, are left out; components with a pivot below a millionth of the largest are left at zero.
import { rankWithin } from '../../../crds/methods/adapter-shapes.ts';
import * as ops from '../../tensor/ops.generated.ts';
import { type Tensor, tensor, toArray } from '../../tensor/tensor.ts';
import { byOneThread } from '../../tensor/threads.ts';
import { type Adapter, keptOf } from './adapter.ts';
import { withDiagonal } from './between.ts';
import { plainDelta } from './delta.ts';
import { type AdapterOf, onTargets } from './from-parameters.ts';

const lower = 'loldu_L.weight';
const upper = 'loldu_U.weight';
const diagonal = 'loldu_D';
const trained = 'loldu_z';

/** Of the largest pivot: below it a row of U would be rounding errors. */
const leastPivot = 1e-6;

interface LolduSettings {
  readonly rank: number;
  readonly targets: (path: string) => boolean;
}

export const lolduOf: AdapterOf<'LoLDU'> = (own) => loldu(onTargets(own));

function loldu({ rank, targets }: LolduSettings): Adapter {
  return {
    name: 'LoLDU',
    targets: ({ path }) => targets(path),
    decompose(layer, { weight }) {
      const { L, D, U } = triangularFactors(weight(), rankWithin(layer, rank));
      return { [lower]: L, [upper]: U, [diagonal]: D };
    },
    initialize: (_, initial) => ({
      trained: { [trained]: ops.clone(initial(diagonal)) },
      kept: keptOf(initial, [lower, upper, diagonal]),
    }),
    factors: (_, tensors) => {
      const change = ops.sub(tensors(trained), tensors(diagonal));
      return withDiagonal(plainDelta(tensors(upper), tensors(lower), 1), change);
    },
    learningRateFactor: () => 1,
    // Decay would pull z away from D, where the model is that of the files.
    decays: () => false,
  };
}

/**
 * The first r components of `W [O, I]`: `L [O, r]` with the rows permuted back, `D [r]`, `U [r,
 * I]`; all of them give `W = L diag(D) U`.
 */
export function triangularFactors(W: Tensor, rank: number): { L: Tensor; D: Tensor; U: Tensor } {
  const [both, swaps] = byOneThread(() => ops.linalgLuFactor(W));
  const L = ops.tril(ops.narrow(both, 1, 0, rank), -1);
  ops.copy_(ops.diagonal(L), ops.onesLike(ops.diagonal(L)));
  const pivots = ops.diagonal(both);
  const least = ops.mulScalar(ops.amax(ops.abs(pivots)), leastPivot);
  const first = ops.narrow(pivots, 0, 0, rank);
  const isUsed = ops.gt(ops.abs(first), least);
  const used = ops.to(isUsed, W.dtype);
  const divisor = ops.where(isUsed, first, ops.onesLike(first));
  const rows = ops.triu(ops.narrow(both, 0, 0, rank));
  return {
    L: ops.indexSelect(L, 0, placesOf(toArray(swaps), W.shape[0] ?? 0)),
    D: ops.mul(first, used),
    U: ops.mul(ops.div(rows, ops.unsqueeze(divisor, 1)), ops.unsqueeze(used, 1)),
  };
}

/** Where each row of a matrix is after its rows were swapped in turn, counted from 1 as LAPACK. */
function placesOf(swaps: readonly number[], rows: number): Tensor {
  const order = Array.from({ length: rows }, (_, row) => row);
  for (const [row, swap] of swaps.entries()) {
    [order[row], order[swap - 1]] = [order[swap - 1] ?? 0, order[row] ?? 0];
  }
  const places = new Array<number>(rows);
  for (const [place, row] of order.entries()) places[row] = place;
  return tensor(places, [rows], 'int64');
}
