import { type AdapterTrial, rounded } from '../adapter-trial.ts';
import { float32, owloreOfOne } from '../axis-values.ts';
import { ofTwo } from '../dense-gradients.ts';

export const trial: AdapterTrial = {
  identities: {
    LoRAGA: {
      method: { adapter: { type: 'LoRAGA', loraGa: { rank: 4, alpha: '8', directions: 'Exact' } } },
      start: 0,
      gradients: ofTwo,
    },
  },
  workers: {
    'lora-ga-owlore': {
      ...{ preset: 'LoRAGA', selection: owloreOfOne },
      adapter: { type: 'LoRAGA', loraGa: { rank: 4 } },
    },
  },
  device: {
    'lora-ga in halo, int8': {
      method: {
        ...{ preset: 'LoRAGA', precision: { type: 'HALO' } },
        adapter: { type: 'LoRAGA', loraGa: { rank: 4 } },
      },
      gap: rounded,
    },
  },
  peers: {
    'lora-ga': {
      toy: 'qwen2',
      method: {
        ...{ preset: 'LoRAGA', precision: float32 },
        adapter: { type: 'LoRAGA', loraGa: { rank: 24, alpha: '12' } },
      },
    },
  },
};
