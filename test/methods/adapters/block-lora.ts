import * as ops from '../../../worker/tensor/ops.generated.ts';
import type { Tensor } from '../../../worker/tensor/tensor.ts';
import { type AdapterTrial, exact, type Own } from '../adapter-trial.ts';
import { float32, lisaOfOne, nf4 } from '../axis-values.ts';

const own = { rank: 6, blocks: 3, alpha: '12' };
const adapter = { type: 'BlockLoRA', blockLora: own } as const;

export const trial: AdapterTrial = {
  identities: {
    BlockLoRA: { method: { adapter }, start: 0, gradients: ofBlocks },
  },
  workers: {
    'block-lora-nf4-lisa': {
      ...{ preset: 'BlockLoRA', base: nf4, selection: lisaOfOne },
      adapter: { type: 'BlockLoRA', blockLora: { ...own, dropout: '0.1' } },
    },
  },
  device: {
    'block-lora of an encoder': {
      family: 'bert',
      method: { ...{ preset: 'BlockLoRA', precision: float32 }, adapter },
      gap: exact,
    },
    'block-lora of pictures': {
      family: 'dinov2',
      method: { ...{ preset: 'BlockLoRA', precision: float32 }, adapter },
      gap: exact,
    },
  },
  peers: {
    'block-lora': {
      toy: 'qwen3',
      method: { ...{ preset: 'BlockLoRA', precision: float32 }, adapter },
      uniform: true,
    },
  },
};

/** Of A and of the matrices B side by side, with a scale of 2. */
function ofBlocks(own: Own, G: Tensor) {
  const [A, B] = [own('lora_A.weight'), own('lora_B.weight')];
  const scaled = ops.mulScalar(G, 2);
  const each = ops.mm(scaled, ops.t(A));
  const sum = [0, 2, 4].map((from) => ops.narrow(B, 1, from, 2)).reduce((a, b) => ops.add(a, b));
  return {
    'lora_A.weight': ops.mm(ops.t(sum), scaled),
    'lora_B.weight': ops.cat([each, each, each], 1),
  };
}
