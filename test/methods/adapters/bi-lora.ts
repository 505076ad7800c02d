import { rounded as coded } from '../../../worker/methods/adapters/bi-lora.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import type { Tensor } from '../../../worker/tensor/tensor.ts';
import { type AdapterTrial, rounded } from '../adapter-trial.ts';
import { float32, madeIntegers } from '../axis-values.ts';

export const trial: AdapterTrial = {
  identities: {
    BiLoRA: {
      method: { adapter: { type: 'BiLoRA', biLora: { rank: 4, bits: 2 } } },
      // B begins with a deviation of 1e-3.
      start: 0.05,
      gradients: (own, G) => {
        const [A, B] = [own('lora_A.weight'), own('lora_B.weight')];
        const scaled = ops.mulScalar(G, 2);
        return {
          'lora_A.weight': throughCodes(A, ops.mm(ops.t(coded(B, 2)), scaled)),
          'lora_B.weight': throughCodes(B, ops.mm(scaled, ops.t(coded(A, 2)))),
        };
      },
    },
  },
  workers: {
    'bi-lora-8bit-int2': {
      ...{ preset: 'BiLoRA', base: madeIntegers(2), optimizer: { type: 'AdamW8bit' } },
      adapter: { type: 'BiLoRA', biLora: { dropout: '0.1' } },
    },
  },
  device: {
    'bi-lora of 3-bit integers': {
      method: { preset: 'BiLoRA', precision: float32, base: madeIntegers(3) },
      gap: rounded,
    },
  },
  peers: {
    'bi-lora': {
      toy: 'gemma3',
      method: {
        ...{ preset: 'BiLoRA', precision: float32 },
        adapter: {
          type: 'BiLoRA',
          biLora: { rank: 8, bits: 2, targetModules: ['q_proj', 'down_proj'] },
        },
      },
    },
  },
};

/**
 * The gradient of `w` for that of its rounded values, in closed form: `g (1 - e) + z <g, q - z (1 -
 * e)> / (N - 1)`, here with e, which is 1e-5 over the deviation.
 */
function throughCodes(w: Tensor, g: Tensor): Tensor {
  const count = w.numel;
  const mean = ops.mean(w);
  const centred = ops.sub(w, mean);
  const spread = ops.sqrt(ops.divScalar(ops.sum(ops.square(centred)), count - 1));
  const safe = ops.addScalar(spread, 1e-5);
  const z = ops.div(centred, safe);
  const q = ops.div(ops.sub(coded(w, 2), mean), spread);
  // w' = q(z) d + m, with dz = (dw - dm) / safe - z dd / safe and dd = <centred, dw> / (d (N - 1)).
  const kept = ops.div(spread, safe);
  const ofSpread = ops.sub(ops.sum(ops.mul(g, q)), ops.mul(kept, ops.sum(ops.mul(g, z))));
  const dSpread = ops.div(centred, ops.mulScalar(spread, count - 1));
  const ofMean = ops.divScalar(ops.mul(ops.sum(g), ops.rsubScalar(kept, 1)), count);
  return ops.add(ops.add(ops.mul(g, kept), ofMean), ops.mul(dSpread, ofSpread));
}
