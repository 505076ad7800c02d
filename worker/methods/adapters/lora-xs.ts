// LoRA-XS: Low-Rank Adaptation with Extremely Small Number of Parameters (Balazy et al. 2024).
//
// Against LoRA: A and B are fixed, and a square matrix R between them is trained.
//   W ~ U S V^T      A = V_r^T [r, I]      B = U_r S_r [O, r]      y = x W^T + x A^T R^T B^T
// R is [r, r], normal with deviation 1e-5 at first. A layer whose smaller side is below the rank
// takes that side. Trained: R in float32. Kept: A and B, because singular vectors differ in signs
// and last bits between machines. Difference: the vectors come from the randomized sketch of
// optimizers/subspace.ts, with its rule for signs, and not from a full decomposition.
import { rankWithin } from '../../../crds/methods/adapter-shapes.ts';
import * as ops from '../../tensor/ops.generated.ts';
import { normal } from '../../tensor/rng.ts';
import { streamOf } from '../../tensor/streams.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { sketchedSubspace } from '../optimizers/subspace.ts';
import { type Adapter, factorA, factorB, keptOf } from './adapter.ts';
import { withMatrix } from './between.ts';
import { plainDelta } from './delta.ts';
import { type AdapterOf, onTargets } from './from-parameters.ts';
import { singularVectors } from './singular-vectors.ts';

const middle = 'lora_R.weight';

const deviation = 1e-5;

interface LoraXsSettings {
  readonly rank: number;
  readonly targets: (path: string) => boolean;
  readonly seed: bigint;
  readonly dtype: 'float32' | 'float64';
}

export const loraXsOf: AdapterOf<'LoRAXS'> = (own, common) =>
  loraXs({ ...onTargets(own), ...common });

function loraXs({ rank, targets, seed, dtype }: LoraXsSettings): Adapter {
  return {
    name: 'LoRAXS',
    targets: ({ path }) => targets(path),
    decompose(layer, { weight }) {
      const { A, B } = singularFactors(weight(), rankWithin(layer, rank));
      return { [factorA]: A, [factorB]: B };
    },
    initialize(layer, initial) {
      const own = rankWithin(layer, rank);
      const R = normal([own, own], deviation, streamOf(seed, 'lora_R', layer.path), dtype);
      return { trained: { [middle]: R }, kept: keptOf(initial, [factorA, factorB]) };
    },
    factors: (_, tensors) =>
      withMatrix(plainDelta(tensors(factorA), tensors(factorB), 1), tensors(middle)),
    learningRateFactor: () => 1,
    decays: () => true,
  };
}

/**
 * `A [r, I]` with orthonormal rows and `B [O, r]`, whose product is the best approximation of `W
 * [O, I]` of rank r, up to the sketch.
 */
export function singularFactors(W: Tensor, rank: number): { A: Tensor; B: Tensor } {
  const { U, S, V } = singularVectors(W, sketchedSubspace(W, rank));
  return { A: V, B: ops.mul(U, ops.unsqueeze(S, 0)) };
}
