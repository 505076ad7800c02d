// KaSA: Knowledge-Aware Singular-Value Adaptation of Large Language Models (Wang et al. 2024).
//
// Against LoRA: singular values between A and B are trained with them, the weight loses its
// smallest singular components, and a term of the loss keeps A and B near orthonormal.
//   y = x (W - U_k S_k V_k^T)^T + s (drop(x) A^T d) B^T      A [r, I] · d [r] · B [O, r]
//   loss + beta mean |d|^2 + gamma mean (|A A^T - I| + |B^T B - I|)      means over the layers
// A and B begin as those of LoRA, d is normal with deviation 1; so the first step sees the model
// without those components. They are r, or half of a smaller side below 2 r. Trained: A, B and d in
// float32.
// Differences from the release: it counts the components that stay from the inputs alone, so that
// few or none go where a layer has fewer outputs; it takes the Gram matrix of the longer side,
// whose distance differs by a constant. PEFT refuses a side below the rank, and leaves the term of
// the loss to its user.
import { pairedRank } from '../../../crds/methods/adapter-shapes.ts';
import * as ops from '../../tensor/ops.generated.ts';
import { normal } from '../../tensor/rng.ts';
import { streamOf } from '../../tensor/streams.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { bottomSubspace } from '../optimizers/subspace.ts';
import { type Adapter, factorA, factorB } from './adapter.ts';
import { withDiagonal } from './between.ts';
import { type AdapterOf, asLora } from './from-parameters.ts';
import { type StandardLora, standardLora } from './standard-lora.ts';

/** As in PEFT's files. */
const diagonal = 'lora_diag';
const left = 'kasa_left';
const right = 'kasa_right';

interface KasaSettings extends StandardLora {
  readonly beta: number;
  readonly gamma: number;
}

export const kasaOf: AdapterOf<'KaSA'> = (own, common) =>
  kasa({ ...asLora(own, common), beta: Number(own.beta), gamma: Number(own.gamma) });

export function kasa({ beta, gamma, ...settings }: KasaSettings): Adapter {
  const { rank, seed, dtype } = settings;
  const inner = standardLora(settings);
  return {
    ...inner,
    name: 'KaSA',
    decompose(layer, { weight }) {
      const part = weakest(weight(), pairedRank(layer, rank));
      return { [left]: part.left, [right]: part.right };
    },
    initialize(layer, initial) {
      const d = normal([rank], 1, streamOf(seed, diagonal, layer.path), dtype);
      return { trained: { ...inner.initialize(layer, initial).trained, [diagonal]: d } };
    },
    takesOver: (_, initial) => ({ left: initial(left), right: initial(right), scale: 1 }),
    factors: (layer, tensors, draw) =>
      withDiagonal(inner.factors(layer, tensors, draw), tensors(diagonal)),
    regularizer(_, tensors) {
      const sizes = ops.mulScalar(ops.sum(ops.square(tensors(diagonal))), beta);
      const ofA = ops.orthonormalDistance(tensors(factorA));
      const ofB = ops.orthonormalDistance(ops.t(tensors(factorB)));
      return ops.add(sizes, ops.add(ofA, ofB), { alpha: gamma });
    },
    // The values of d are singular values: the loss has a term for them.
    decays: (suffix) => suffix !== diagonal,
  };
}

/** The `count` smallest singular components of `W [O, I]`: `left [O, k]` times `right [k, I]`. */
function weakest(W: Tensor, count: number) {
  const [out = 0, inputs = 0] = W.shape;
  const basis = bottomSubspace(W, count);
  const turned = ops.contiguous(ops.t(basis));
  // W itself, projected: exact whatever the basis, which may mix components of nearly one size.
  if (out >= inputs) return { left: ops.linear(W, turned), right: turned };
  return { left: basis, right: ops.t(ops.linear(ops.contiguous(ops.t(W)), turned)) };
}
