import { type AdapterTrial, exact } from '../adapter-trial.ts';
import { float32 } from '../axis-values.ts';
import { ofDiagonal } from '../dense-gradients.ts';

export const trial: AdapterTrial = {
  identities: {
    SoRA: {
      method: { adapter: { type: 'SoRA', sora: { rank: 5, alpha: '10', threshold: '0.05' } } },
      start: 0,
      gradients: ofDiagonal('lora_E'),
    },
  },
  workers: {
    'sora-int8': {
      ...{ preset: 'SoRA', base: { type: 'Int8' } },
      adapter: { type: 'SoRA', sora: { rank: 6, dropout: '0.1', threshold: '0.03' } },
    },
  },
  device: {
    // It reports how many ranks are left.
    sora: {
      method: {
        ...{ preset: 'SoRA', precision: float32 },
        adapter: { type: 'SoRA', sora: { threshold: '0.05' } },
      },
      ...{ gap: exact, waits: 2 },
    },
  },
  peers: {
    sora: {
      toy: 'qwen2',
      method: {
        ...{ preset: 'SoRA', precision: float32 },
        adapter: { type: 'SoRA', sora: { rank: 3, alpha: '9', threshold: '0.2' } },
      },
      uniform: true,
    },
  },
};
