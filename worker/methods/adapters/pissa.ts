// PiSSA: Principal Singular Values and Singular Vectors Adaptation (Meng et al. 2024).
//
// Against LoRA: A and B begin as the largest singular components of the weight, and the base keeps
// the others.
//   W = U S V^T      A0 = sqrt(S_r / s) V_r^T [r, I]      B0 = U_r sqrt(S_r / s) [O, r]
//   y = x (W - s B0 A0)^T + s x A^T B^T      s = alpha / r
// A0 and B0 are balanced: A0 A0^T = B0^T B0. A layer whose smaller side is below the rank takes
// that side. Trained: A and B in float32. The rest of W is computed in float32 and rounded once, or
// quantized. Differences: the sketch of optimizers/subspace.ts finds the vectors unless the job
// asks for exact ones, with its rule for signs. The alternation of QPiSSA, which fits A and B to
// what quantizing lost, is that of LQ-LoRA.
import { rankWithin } from '../../../crds/methods/adapter-shapes.ts';
import { subspaceFinder } from '../optimizers/subspace.ts';
import { type Adapter, factorA, factorB } from './adapter.ts';
import { type AdapterOf, asUnscaledLora } from './from-parameters.ts';
import { balancedFactors } from './singular-vectors.ts';
import { loraTakingOver, type StandardLora } from './standard-lora.ts';

interface PissaSettings extends StandardLora {
  readonly directions: 'Exact' | 'Sketched';
}

export const pissaOf: AdapterOf<'PiSSA'> = (own, common) =>
  pissa({ ...asUnscaledLora(own, common), directions: own.directions });

export function pissa({ directions, ...settings }: PissaSettings): Adapter {
  const { rank, alpha } = settings;
  const find = subspaceFinder(directions);
  return loraTakingOver(settings, {
    name: 'PiSSA',
    decompose(layer, { weight }) {
      const W = weight();
      const { A, B } = balancedFactors(W, find(W, rankWithin(layer, rank)), alpha / rank);
      return { [factorA]: A, [factorB]: B };
    },
  });
}
