// SM3: Memory-Efficient Adaptive Optimization (Anil et al. 2019), for single values of matrices,
// which come and go (adapters/spiel.ts), as Ansell et al. 2024 have it.
//
// Against AdamW: no value has a state; each row i and each column j of a matrix keep the largest
// sum of squared gradients that a value of theirs may have.
//   n_ij = min(r_i, c_j) + g_ij²      w_ij ← w_ij - η (g_ij / √(n_ij + ε) + λ w_ij)
//   r_i ← max(r_i, n_ij over its places)      c_j ← max(c_j, n_ij over its places)
// g scaled by the clip factor · r [out], c [in], in float32 (float64 of float64 values)
//
// A tensor that trains whole beside them has a sum for each of its values, which is AdaGrad: there,
// that is SM3 with covers of one value. Sums never fall, also where the value that they are of has
// gone. ε is inside the root, as in their release. Left out: momentum, which would be a state of
// each value; a decay of the sums. Largest values do not depend on an order, so bits are the same
// for any number of threads.
import { Bug } from '../../../crds/failures/errors.ts';
import { exactType } from '../../tensor/dtype.ts';
import * as ops from '../../tensor/ops.generated.ts';
import { scope } from '../../tensor/scope.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { exactOf, type MasterWeights, masterWeightOf, takeOver_ } from './master-weights.ts';
import type { Optimizer, OptimizerState } from './optimizer.ts';

interface Sm3Settings {
  readonly epsilon: number;
  readonly weightDecay: number;
  readonly masterWeights: MasterWeights;
}

export function sm3({ epsilon, weightDecay, masterWeights }: Sm3Settings): Optimizer {
  return {
    name: 'SM3',
    initialize(value, role) {
      const dtype = exactType(value.dtype);
      const sums = (count: number) => ops.zeros([count], { dtype });
      if (role?.within === undefined) {
        return { sums: ops.zeros(value.shape, { dtype }), ...masterWeightOf(value, masterWeights) };
      }
      const [rows, columns] = role.within;
      return { rows: sums(rows), columns: sums(columns) };
    },
    update(value, gradient, state, step) {
      scope(() => {
        const exact = exactOf(value, state['master']);
        const g = ops.mulScalar(ops.to(gradient, exact.dtype), step.gradientScale);
        const n = squares(ops.square(g), state, step.places);
        const change = ops.div_(g, ops.sqrt_(ops.addScalar_(n, epsilon)));
        if (step.decayed) ops.mulScalar_(exact, 1 - step.learningRate * weightDecay);
        ops.sub_(exact, ops.mulScalar_(change, step.learningRate));
        takeOver_(value, exact, state['master'], step.stream);
      });
    },
  };
}

/** n of the header, for the squares of gradients; brings the sums forward. */
function squares(square: Tensor, { rows, columns, sums }: OptimizerState, places?: Tensor): Tensor {
  if (sums !== undefined) return ops.clone(ops.add_(sums, square));
  if (!rows || !columns || !places) throw new Bug('SM3 does not know where its values are');
  const row = ops.to(ops.divScalarMode(places, columns.numel, { roundingMode: 'floor' }), 'int64');
  const column = ops.to(ops.remainderScalar(places, columns.numel), 'int64');
  const least = ops.minimum(ops.indexSelect(rows, 0, row), ops.indexSelect(columns, 0, column));
  const n = ops.add_(least, square);
  ops.scatterReduce_(rows, 0, row, n, 'amax');
  ops.scatterReduce_(columns, 0, column, n, 'amax');
  return n;
}
