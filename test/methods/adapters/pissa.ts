import { type AdapterTrial, rounded } from '../adapter-trial.ts';
import { float32, fourBits, nf4 } from '../axis-values.ts';
import { ofTwo } from '../dense-gradients.ts';

export const trial: AdapterTrial = {
  identities: {
    PiSSA: {
      method: { adapter: { type: 'PiSSA', pissa: { rank: 4, alpha: '8', directions: 'Exact' } } },
      start: 0,
      gradients: ofTwo,
    },
  },
  workers: {
    // What was taken over comes back before weights are rounded.
    'pissa-4bit': {
      ...{ preset: 'PiSSA', base: fourBits },
      adapter: { type: 'PiSSA', pissa: { rank: 4 } },
    },
  },
  device: {
    'pissa of an NF4 base': {
      method: {
        ...{ preset: 'PiSSA', base: nf4, precision: float32 },
        adapter: { type: 'PiSSA', pissa: { rank: 4 } },
      },
      gap: rounded,
    },
  },
  peers: {
    pissa: {
      toy: 'llama',
      method: {
        // Results are those of weights without noise.
        ...{ preset: 'PiSSA', precision: float32, rule: { type: 'GGPO' } },
        adapter: { type: 'PiSSA', pissa: { rank: 24, alpha: '12' } },
      },
    },
  },
};
