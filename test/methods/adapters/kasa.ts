import { type AdapterTrial, exact } from '../adapter-trial.ts';
import { float32, nf4 } from '../axis-values.ts';
import { ofDiagonal } from '../dense-gradients.ts';

export const trial: AdapterTrial = {
  identities: {
    KaSA: {
      method: { adapter: { type: 'KaSA', kasa: { rank: 4, alpha: '8' } } },
      start: 0,
      loses: true,
      gradients: ofDiagonal('lora_diag'),
    },
  },
  workers: {
    // Its term of the loss is added by one of three workers.
    'kasa-nf4': {
      ...{ preset: 'KaSA', base: nf4 },
      adapter: { type: 'KaSA', kasa: { rank: 4, dropout: '0.1', beta: '1e-2', gamma: '1e-1' } },
    },
  },
  device: {
    'kasa of an NF4 base': {
      method: {
        ...{ preset: 'KaSA', precision: float32, base: nf4 },
        adapter: { type: 'KaSA', kasa: { rank: 4, beta: '1e-2', gamma: '1e-1' } },
      },
      gap: exact,
    },
  },
  peers: {
    kasa: {
      toy: 'qwen2',
      method: {
        ...{ preset: 'KaSA', precision: float32 },
        // Keys and values of the toys have fewer than twice as many outputs.
        adapter: { type: 'KaSA', kasa: { rank: 24, dropout: '0.1', gamma: '1e-1' } },
      },
    },
    'kasa-own': {
      toy: 'qwen2',
      method: {
        ...{ preset: 'KaSA', precision: float32 },
        adapter: { type: 'KaSA', kasa: { rank: 6, alpha: '9', gamma: '1e-1' } },
      },
      kasa: true,
    },
  },
};
