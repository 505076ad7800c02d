import { type AdapterTrial, exact } from '../adapter-trial.ts';
import { float32 } from '../axis-values.ts';
import { ofMiddle } from '../dense-gradients.ts';

export const trial: AdapterTrial = {
  identities: {
    LoRASB: {
      method: { adapter: { type: 'LoRASB', loraSb: { rank: 5 } } },
      // It begins after a step of 1e-4 on each value.
      start: 0.05,
      gradients: ofMiddle,
    },
  },
  workers: {
    'lora-sb-density': {
      ...{ preset: 'LoRASB', adapter: { type: 'LoRASB', loraSb: { rank: 16 } } },
      rule: { type: 'DensityLoss', densityLoss: { epsilon: '1e-2' } },
    },
  },
  device: {
    'lora-sb': {
      method: {
        ...{ preset: 'LoRASB', precision: float32 },
        adapter: { type: 'LoRASB', loraSb: { rank: 8 } },
      },
      gap: exact,
    },
  },
  peers: {
    'lora-sb': {
      toy: 'llama',
      method: {
        ...{ preset: 'LoRASB', precision: float32 },
        adapter: { type: 'LoRASB', loraSb: { rank: 24 } },
      },
    },
  },
};
