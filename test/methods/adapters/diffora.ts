import { type AdapterTrial, exact } from '../adapter-trial.ts';
import { float32 } from '../axis-values.ts';
import { ofTwo } from '../dense-gradients.ts';

export const trial: AdapterTrial = {
  identities: {
    DiffoRA: {
      // Of unequal layers the plan knows the most alone: diffora.test.ts.
      method: {
        adapter: {
          type: 'DiffoRA',
          diffora: {
            ...{ rank: 4, alpha: '8', searchSteps: 2, chosenShare: '0.9' },
            targetModules: ['v_proj', 'up_proj'],
          },
        },
      },
      start: 0,
      layers: 3 * 2,
      gradients: ofTwo,
    },
  },
  workers: {
    'diffora-ggpo': {
      ...{ preset: 'DiffoRA', rule: { type: 'GGPO' } },
      adapter: { type: 'DiffoRA', diffora: { rank: 4, dropout: '0.1', searchSteps: 2 } },
    },
  },
  device: {
    diffora: {
      method: {
        ...{ preset: 'DiffoRA', precision: float32 },
        adapter: { type: 'DiffoRA', diffora: { rank: 4, searchSteps: 2 } },
      },
      gap: exact,
    },
  },
  peers: {
    diffora: {
      toy: 'phi3',
      method: {
        ...{ preset: 'DiffoRA', precision: float32 },
        adapter: { type: 'DiffoRA', diffora: { rank: 4, alpha: '12', searchSteps: 2 } },
      },
      uniform: true,
    },
  },
};
