import { type AdapterTrial, exact } from '../adapter-trial.ts';
import { float32 } from '../axis-values.ts';
import { ofMiddle } from '../dense-gradients.ts';

export const trial: AdapterTrial = {
  identities: {
    LoRAXS: {
      method: { adapter: { type: 'LoRAXS', loraXs: { rank: 5 } } },
      // R begins with a deviation of 1e-5.
      start: 1e-3,
      gradients: ofMiddle,
    },
  },
  workers: {
    'lora-xs-halo': {
      ...{ preset: 'LoRAXS', precision: { type: 'HALO' } },
      adapter: { type: 'LoRAXS', loraXs: { rank: 24 } },
    },
  },
  device: {
    'lora-xs of an Int8 base': {
      method: {
        ...{ preset: 'LoRAXS', precision: float32, base: { type: 'Int8' } },
        adapter: { type: 'LoRAXS', loraXs: { rank: 8 } },
      },
      gap: exact,
    },
  },
  peers: {
    'lora-xs': {
      toy: 'qwen2',
      method: {
        ...{ preset: 'LoRAXS', precision: float32 },
        adapter: { type: 'LoRAXS', loraXs: { rank: 24 } },
      },
    },
  },
};
