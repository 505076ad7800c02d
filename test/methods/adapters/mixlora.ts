import { type AdapterTrial, exact } from '../adapter-trial.ts';
import { float32, int4 } from '../axis-values.ts';

export const trial: AdapterTrial = {
  // There are no weights that compute the same: test/numerics/methods/adapters/mixlora.test.ts.
  identities: {},
  workers: {
    // Each worker has the balance of its own tokens, with the weight of its tokens among all.
    'mixlora-int4-8bit': {
      ...{ preset: 'MixLoRA', base: int4, optimizer: { type: 'AdamW8bit' } },
      adapter: {
        type: 'MixLoRA',
        mixLora: { rank: 4, dropout: '0.1', numExperts: 4, routerAuxLossCoef: '0.1' },
      },
    },
  },
  device: {
    // Each of three blocks reads where the tokens of two sequences go.
    'mixlora of an Int8 base': {
      method: {
        ...{ preset: 'MixLoRA', precision: float32, base: { type: 'Int8' } },
        adapter: { type: 'MixLoRA', mixLora: { rank: 4, numExperts: 4 } },
      },
      ...{ gap: exact, waits: 1 + 3 * 2 },
    },
  },
  peers: {
    mixlora: {
      toy: 'gemma2',
      method: {
        ...{ preset: 'MixLoRA', precision: float32 },
        adapter: { type: 'MixLoRA', mixLora: { rank: 4, alpha: '12', numExperts: 4 } },
      },
      mixture: true,
    },
    'mixlora-fused': {
      toy: 'phi3',
      method: {
        ...{ preset: 'MixLoRA', precision: float32 },
        adapter: {
          type: 'MixLoRA',
          mixLora: { numExperts: 3, topK: 1, targetModules: ['qkv_proj', 'gate_up_proj'] },
        },
      },
      mixture: true,
    },
  },
};
