import type { AdapterTrial } from '../adapter-trial.ts';
import { float32 } from '../axis-values.ts';
import { ofThree } from '../dense-gradients.ts';

/** Devices and workers see what NLoRA has as well. */
export const trial: AdapterTrial = {
  identities: {
    SLoRA: {
      method: { adapter: { type: 'SLoRA', slora: { rank: 4, alpha: '8' } } },
      start: 0,
      gradients: ofThree,
    },
  },
  peers: {
    slora: {
      toy: 'qwen2',
      method: {
        ...{ preset: 'SLoRA', precision: float32 },
        adapter: { type: 'SLoRA', slora: { rank: 8, alpha: '12' } },
      },
    },
  },
};
