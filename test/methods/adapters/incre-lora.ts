import { type AdapterTrial, exact } from '../adapter-trial.ts';
import { float32 } from '../axis-values.ts';
import { ofDiagonal } from '../dense-gradients.ts';

/** Rows and columns of toys are few and begin small; with it a few steps move their losses. */
const large = '300';

export const trial: AdapterTrial = {
  identities: {
    IncreLoRA: {
      method: {
        adapter: {
          type: 'IncreLoRA',
          increLora: { rank: 3, increment: 1, alpha: '6', intervalSteps: 2, layersPerEvent: 5 },
        },
      },
      start: 0,
      gradients: ofDiagonal('lora_E'),
    },
  },
  workers: {
    'increlora-int8': {
      ...{ preset: 'IncreLoRA', base: { type: 'Int8' } },
      adapter: {
        type: 'IncreLoRA',
        increLora: {
          ...{ rank: 3, dropout: '0.1', intervalSteps: 2, layersPerEvent: 3 },
          ...{ alpha: large, orthogonality: '1' },
        },
      },
    },
  },
  device: {
    // What decides about ranks is read with the norm.
    increlora: {
      method: {
        ...{ preset: 'IncreLoRA', precision: float32 },
        adapter: {
          type: 'IncreLoRA',
          increLora: { rank: 3, alpha: large, intervalSteps: 1, layersPerEvent: 4 },
        },
      },
      gap: exact,
    },
  },
  peers: {
    increlora: {
      toy: 'qwen2',
      method: {
        ...{ preset: 'IncreLoRA', precision: float32 },
        adapter: {
          type: 'IncreLoRA',
          increLora: { rank: 3, alpha: large, intervalSteps: 2, layersPerEvent: 4 },
        },
      },
      uniform: true,
    },
  },
};
