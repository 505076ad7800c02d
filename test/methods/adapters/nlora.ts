import { type AdapterTrial, exact } from '../adapter-trial.ts';
import { float32 } from '../axis-values.ts';
import { ofThree } from '../dense-gradients.ts';

export const trial: AdapterTrial = {
  identities: {
    NLoRA: {
      method: { adapter: { type: 'NLoRA', nlora: { rank: 4, alpha: '8' } } },
      start: 0,
      gradients: ofThree,
    },
    IntermediateTune: {
      method: { adapter: { type: 'NLoRA', nlora: { rank: 4, alpha: '8', train: 'Core' } } },
      start: 0,
      gradients: (own, G) => ({ 'lora_N.weight': ofThree(own, G)['lora_N.weight'] }),
    },
  },
  workers: {
    'intermediate-tune-8bit': {
      ...{ preset: 'IntermediateTune', optimizer: { type: 'AdamW8bit' } },
      adapter: { type: 'NLoRA', nlora: { rank: 8, train: 'Core' } },
    },
  },
  device: {
    nlora: {
      method: {
        ...{ preset: 'NLoRA', precision: float32 },
        adapter: { type: 'NLoRA', nlora: { rank: 8 } },
      },
      gap: exact,
    },
  },
  peers: {
    nlora: {
      toy: 'llama',
      method: {
        ...{ preset: 'NLoRA', precision: float32 },
        adapter: { type: 'NLoRA', nlora: { rank: 24, alpha: '12' } },
      },
    },
    'intermediate-tune': {
      toy: 'gemma3',
      method: {
        ...{ preset: 'IntermediateTune', precision: float32 },
        adapter: { type: 'NLoRA', nlora: { rank: 24, train: 'Core' } },
      },
    },
  },
};
