import * as ops from '../../../worker/tensor/ops.generated.ts';
import type { AdapterTrial } from '../adapter-trial.ts';
import { float32 } from '../axis-values.ts';

const lora = (settings: Readonly<Record<string, unknown>>) => ({
  ...{ preset: 'LoRA', precision: float32 },
  adapter: { type: 'LoRA', lora: settings },
});

export const trial: AdapterTrial = {
  identities: {
    LoRA: {
      method: { adapter: { type: 'LoRA', lora: { rank: 3, alpha: '9' } } },
      start: 0,
      gradients: (own, G) => ({
        'lora_A.weight': ops.mulScalar(ops.mm(ops.t(own('lora_B.weight')), G), 3),
        'lora_B.weight': ops.mulScalar(ops.mm(G, ops.t(own('lora_A.weight'))), 3),
      }),
    },
  },
  peers: {
    lora: { toy: 'llama', method: lora({ rank: 4 }) },
    alpha: { toy: 'qwen2', method: lora({ rank: 4, alpha: '3' }) },
    'rank-stabilized': {
      toy: 'qwen3',
      method: lora({ rank: 6, alpha: '12', scaling: 'RankStabilized', dropout: '0.1' }),
    },
    'lora-plus': {
      toy: 'gemma3',
      method: { preset: 'LoRAPlus', precision: float32 },
    },
    'some-modules': {
      toy: 'gemma2',
      method: lora({ rank: 2, targetModules: ['q_proj', 'v_proj'] }),
    },
    fused: { toy: 'phi3', method: lora({ rank: 4 }) },
    // Rules of a step, whose results are those of LoRA.
    allora: { toy: 'qwen3', method: { preset: 'ALLoRA', precision: float32 } },
    deft: {
      toy: 'gemma2',
      method: {
        ...{ preset: 'DEFT', precision: float32 },
        rule: { type: 'DensityLoss', densityLoss: { epsilon: '1e-3' } },
      },
    },
  },
};
