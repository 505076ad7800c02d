// LoRA-SB: Initialization using Update Approximation is a Silver Bullet for Extremely Efficient
// Low-Rank Fine-Tuning (Ponkshe et al. 2024).
//
// Against LoRA-XS: the fixed factors and the matrix between them begin as the best approximation of
// the first step of full fine-tuning by Adam, which moves every value by the learning rate.
//   D = -rate sign(G) ~ U S V^T      A = V_r^T [r, I]      B = U_r [O, r]      R0 = diag(S_r)
//   y = x W^T + x A^T R^T B^T
// So training begins after that step, and the model is another one before the first of its own. A
// layer whose smaller side is below the rank takes that side; one without a gradient has random
// orthonormal factors and a zero R. Trained: R in float32. G is the gradient of the first batch of
// the job, and the rate that of its first step. Difference: the vectors come from the sketch of
// optimizers/subspace.ts unless the job asks for exact ones.

import { rankWithin } from '../../../crds/methods/adapter-shapes.ts';
import { exactType } from '../../tensor/dtype.ts';
import * as ops from '../../tensor/ops.generated.ts';
import { normal } from '../../tensor/rng.ts';
import { streamOf } from '../../tensor/streams.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { subspaceFinder } from '../optimizers/subspace.ts';
import { type Adapter, factorA, factorB, keptOf, type LinearLayer } from './adapter.ts';
import { withMatrix } from './between.ts';
import { plainDelta } from './delta.ts';
import { type AdapterOf, onTargets } from './from-parameters.ts';
import { diagonalOf, isZero, singularVectors } from './singular-vectors.ts';

const middle = 'lora_R.weight';

interface LoraSbSettings {
  readonly rank: number;
  readonly directions: 'Exact' | 'Sketched';
  readonly targets: (path: string) => boolean;
  readonly seed: bigint;
}

export const loraSbOf: AdapterOf<'LoRASB'> = (own, { seed }) =>
  loraSb({ ...onTargets(own), directions: own.directions, seed });

export function loraSb({ rank, directions, targets, seed }: LoraSbSettings): Adapter {
  const find = subspaceFinder(directions);
  return {
    name: 'LoRASB',
    readsGradient: true,
    targets: ({ path }) => targets(path),
    decompose(layer, { gradient, learningRate }) {
      const own = rankWithin(layer, rank);
      const G = gradient();
      if (isZero(G)) return unmoved(layer, own, seed, exactType(G.dtype));
      const D = ops.mulScalar(ops.sign(G), -learningRate);
      const { U, S, V } = singularVectors(D, find(D, own));
      return { [factorA]: V, [factorB]: ops.contiguous(U), [middle]: diagonalOf(S) };
    },
    initialize: (_, initial) => ({
      trained: { [middle]: ops.clone(initial(middle)) },
      kept: keptOf(initial, [factorA, factorB]),
    }),
    factors: (_, tensors) =>
      withMatrix(plainDelta(tensors(factorA), tensors(factorB), 1), tensors(middle)),
    learningRateFactor: () => 1,
    decays: () => true,
  };
}

function unmoved(layer: LinearLayer, own: number, seed: bigint, dtype: 'float32' | 'float64') {
  const orthonormal = (name: string, size: number): Tensor => {
    const [Q] = ops.linalgQr(normal([size, own], 1, streamOf(seed, name, layer.path), dtype));
    return Q;
  };
  return {
    [factorA]: ops.contiguous(ops.t(orthonormal('lora_A', layer.in))),
    [factorB]: orthonormal('lora_B', layer.out),
    [middle]: ops.zeros([own, own], { dtype }),
  };
}
