import type { AdapterTrial } from '../adapter-trial.ts';
import { ofThree } from '../dense-gradients.ts';

/** Files, devices and workers see what NLoRA has as well. */
export const trial: AdapterTrial = {
  identities: {
    SLoRA: {
      method: { adapter: { type: 'SLoRA', slora: { rank: 4, alpha: '8' } } },
      start: 0,
      gradients: ofThree,
    },
  },
};
