// LoRA-GA: Low-Rank Adaptation with Gradient Approximation (Wang et al. 2024).
//
// Against LoRA: A and B begin in the singular vectors of the weight's gradient, so that the first
// steps of the adapter go where full fine-tuning would go.
//   G = U S V^T      A0 = c V_(1..r)^T [r, I]      B0 = c U_(r+1..2r) [O, r]
//   y = x (W - s B0 A0)^T + s x A^T B^T      s = alpha / r      c = O^(1/4) / sqrt(gamma)
// To first order a step of gradient descent changes W by -rate s^2 c^2 times the best approximation
// of G of rank 2 r. A layer whose smaller side is below 2 r takes half of that side as its rank;
// one without a gradient begins as LoRA does. Trained: A and B in float32. G is that of the first
// batch of the job, with the masks of training and without dropout. Differences: the sketch of
// optimizers/subspace.ts unless the job asks for exact vectors; the paper samples sequences for G;
// its other directions and scales are left out.
import { Bug } from '../../../crds/failures/errors.ts';
import { pairedRank } from '../../../crds/methods/adapter-shapes.ts';
import * as ops from '../../tensor/ops.generated.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { subspaceFinder } from '../optimizers/subspace.ts';
import { type Adapter, factorA, factorB } from './adapter.ts';
import { type AdapterOf, asUnscaledLora } from './from-parameters.ts';
import { isZero, singularVectors } from './singular-vectors.ts';
import { loraTakingOver, type StandardLora, standardLora } from './standard-lora.ts';

interface LoraGaSettings extends StandardLora {
  readonly gamma: number;
  readonly directions: 'Exact' | 'Sketched';
}

export const loraGaOf: AdapterOf<'LoRAGA'> = (own, common) => {
  const { directions, gamma } = own;
  return loraGa({ ...asUnscaledLora(own, common), directions, gamma: Number(gamma) });
};

export function loraGa({ directions, gamma, ...settings }: LoraGaSettings): Adapter {
  const find = subspaceFinder(directions);
  return loraTakingOver(settings, {
    name: 'LoRAGA',
    readsGradient: true,
    decompose(layer, { gradient }) {
      const rank = pairedRank(layer, settings.rank);
      const G = gradient();
      if (isZero(G)) return standardLora({ ...settings, rank }).initialize(layer, nothing).trained;
      const { U, V } = singularVectors(G, find(G, 2 * rank));
      const c = layer.out ** 0.25 / Math.sqrt(gamma);
      const scaled = (x: Tensor) => ops.contiguous(ops.mulScalar(x, c));
      return {
        [factorA]: scaled(ops.narrow(V, 0, 0, rank)),
        [factorB]: scaled(ops.narrow(U, 1, rank, rank)),
      };
    },
  });
}

function nothing(suffix: string): never {
  throw new Bug(`LoRA begins with no ${suffix}`);
}
