// Revisiting the Parameter Efficiency of Adapters from the Perspective of Precision Redundancy (Jie
// et al. 2023), its Bi-LoRA.
//
// Against LoRA: each pass computes with A and B rounded to b bits a value.
//   w' = q(z) d + m      z = (w - m) / (d + 1e-5)      q(z) the nearest of 2^b codes
// m mean and d deviation of the matrix (unbiased). The codes are those of which each is the median
// of what is nearest to it, for a normal z: 0.674 of both signs, or 0.378 and 1.266. In the
// backward q passes gradients unchanged; m and d have theirs. Trained: A and B in float32, A as in
// LoRA and B normal with deviation 1e-3, since a matrix of zeros has no codes: the first step sees
// the base model up to a thousandth. Left out: a file of packed codes; results have the values that
// the codes stand for, in PEFT's form.
import * as ops from '../../tensor/ops.generated.ts';
import { normal } from '../../tensor/rng.ts';
import { scope } from '../../tensor/scope.ts';
import { streamOf } from '../../tensor/streams.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type Adapter, factorB } from './adapter.ts';
import { type AdapterOf, asLora } from './from-parameters.ts';
import { type StandardLora, standardLora } from './standard-lora.ts';

const deviation = 1e-3;

interface BiLoraSettings extends StandardLora {
  readonly bits: 1 | 2;
}

export const biLoraOf: AdapterOf<'BiLoRA'> = (own, common) =>
  biLora({ ...asLora(own, common), bits: own.bits === 1 ? 1 : 2 });

function biLora({ bits, ...settings }: BiLoraSettings): Adapter {
  const { rank, seed, dtype } = settings;
  const plain = standardLora(settings);
  return {
    ...plain,
    name: 'BiLoRA',
    initialize(layer, initial) {
      const { trained } = plain.initialize(layer, initial);
      const B = normal([layer.out, rank], deviation, streamOf(seed, 'lora_B', layer.path), dtype);
      return { trained: { ...trained, [factorB]: B } };
    },
    factors(layer, tensors, draw) {
      const delta = plain.factors(layer, tensors, draw);
      return { ...delta, A: rounded(delta.A, bits), B: rounded(delta.B, bits) };
    },
  };
}

/** `w'` of the header. */
export function rounded(w: Tensor, bits: 1 | 2): Tensor {
  const mean = ops.divScalar(total(w), w.numel);
  const centred = ops.sub(w, mean);
  const spread = ops.sqrt(ops.divScalar(total(ops.square(centred)), Math.max(1, w.numel - 1)));
  const z = ops.div(centred, ops.addScalar(spread, 1e-5));
  // Straight through: the value of q(z), the gradient of z.
  const coded = ops.add(z, ops.detach(scope(() => ops.sub(nearestCode(z, bits), z))));
  return ops.add(ops.mul(coded, spread), mean);
}

/** By rows first: a sum of everything at once depends on the number of threads. */
function total(w: Tensor): Tensor {
  return ops.sum(ops.sumDim(w, [1]));
}

const one = 0.6744897501960817;
const two = { inner: 0.3777541611494504, outer: 1.2657203250220053, between: 0.8217372430857278 };

function nearestCode(z: Tensor, bits: 1 | 2): Tensor {
  const sign = ops.subScalar(ops.mulScalar(ops.to(ops.geScalar(z, 0), z.dtype), 2), 1);
  if (bits === 1) return ops.mulScalar(sign, one);
  const isOuter = ops.to(ops.gtScalar(ops.abs(z), two.between), z.dtype);
  const size = ops.addScalar(ops.mulScalar(isOuter, two.outer - two.inner), two.inner);
  return ops.mul(sign, size);
}
