import * as ops from '../../../worker/tensor/ops.generated.ts';
import type { Tensor } from '../../../worker/tensor/tensor.ts';
import { type AdapterTrial, exact, type Own } from '../adapter-trial.ts';
import { float32, lisaOfOne, nf4 } from '../axis-values.ts';

const own = { rank: 5, alpha: '10', threshold: '2e-3' };
/** Whose twelve steps move more than the rounding of bfloat16. */
const larger = { rank: 6, alpha: '120', threshold: '2e-4' };

export const trial: AdapterTrial = {
  identities: {
    S2LoRA: {
      method: { adapter: { type: 'S2LoRA', s2Lora: own } },
      start: 0,
      gradients: ofCoefficients,
    },
  },
  workers: {
    // Shared matrices are cut over the workers, and whole while blocks compute.
    's2lora-int8': {
      ...{ preset: 'S2LoRA', base: { type: 'Int8' } },
      adapter: { type: 'S2LoRA', s2Lora: { ...larger, dropout: '0.1' } },
    },
    's2lora-lisa': {
      ...{ preset: 'S2LoRA', selection: lisaOfOne },
      adapter: { type: 'S2LoRA', s2Lora: larger },
    },
  },
  device: {
    // It reports how many coefficients are left.
    's2lora of an NF4 base': {
      method: {
        ...{ preset: 'S2LoRA', precision: float32, base: nf4 },
        adapter: { type: 'S2LoRA', s2Lora: own },
      },
      ...{ gap: exact, waits: 2 },
    },
  },
  peers: {
    s2lora: {
      toy: 'qwen2',
      method: {
        ...{ preset: 'S2LoRA', precision: float32 },
        adapter: { type: 'S2LoRA', s2Lora: { ...own, rank: 4, threshold: '4e-3' } },
      },
      uniform: true,
    },
  },
};

/** Of the coefficients of a layer, with a scale of 2; s2-lora.test.ts has those of the shared. */
function ofCoefficients(own: Own, G: Tensor) {
  const size = G.shape.join('x');
  const [P, Q] = [own(`s2lora_P.${size}`), own(`s2lora_Q.${size}`)];
  const along = ops.mul(ops.mm(ops.t(P), ops.mulScalar(G, 2)), Q);
  return { s2lora_c: ops.sumDim(along, [1]) };
}
