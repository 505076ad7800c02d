import { type AdapterTrial, exact } from '../adapter-trial.ts';
import { float32, mix, nf4 } from '../axis-values.ts';
import { ofTwo } from '../dense-gradients.ts';

export const trial: AdapterTrial = {
  identities: {
    // Of a toy that stores what is left dense: nothing is lost then.
    LQLoRA: {
      method: {
        base: { type: 'Int8' },
        adapter: { type: 'LQLoRA', lqLora: { rank: 4, alpha: '8', directions: 'Exact' } },
      },
      start: 0,
      gradients: ofTwo,
    },
  },
  workers: {
    'lq-lora-mix-allora': {
      ...{ preset: 'LQLoRA', base: mix, rule: { type: 'ALLoRA' } },
      adapter: { type: 'LQLoRA', lqLora: { rank: 4, dropout: '0.1', fisherBatches: 2 } },
    },
  },
  device: {
    'lq-lora of an NF4 base': {
      method: {
        ...{ preset: 'LQLoRA', precision: float32, base: nf4 },
        adapter: { type: 'LQLoRA', lqLora: { rank: 4, iterations: 3 } },
      },
      gap: exact,
    },
  },
  peers: {
    'lq-lora': {
      toy: 'qwen2',
      method: {
        ...{ preset: 'LQLoRA', precision: float32, base: { type: 'Int8' } },
        adapter: { type: 'LQLoRA', lqLora: { rank: 24, alpha: '12' } },
      },
      merged: true,
    },
  },
};
