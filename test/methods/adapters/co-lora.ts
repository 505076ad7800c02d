import { type AdapterTrial, exact } from '../adapter-trial.ts';
import { float32 } from '../axis-values.ts';
import { ofTwo } from '../dense-gradients.ts';

const coLora = (own: Readonly<Record<string, unknown>>) => ({
  ...({ type: 'CoLoRA', coLora: { rank: 4, probeSteps: 2, intervals: 2, ...own } } as const),
});

export const trial: AdapterTrial = {
  identities: {
    CoLoRA: {
      // Enough for all to have the largest rank. Of others the plan knows the budget alone:
      // co-lora.test.ts.
      method: { adapter: coLora({ alpha: '8', ratio: '0.9' }) },
      start: 0,
      gradients: ofTwo,
    },
  },
  workers: {
    'co-lora-ggpo': {
      ...{ preset: 'CoLoRA', rule: { type: 'GGPO' } },
      adapter: coLora({ dropout: '0.1', ratio: '0.15' }),
    },
  },
  device: {
    'co-lora': {
      method: { ...{ preset: 'CoLoRA', precision: float32 }, adapter: coLora({ ratio: '0.15' }) },
      gap: exact,
    },
  },
  peers: {
    'co-lora': {
      toy: 'qwen3',
      method: {
        ...{ preset: 'CoLoRA', precision: float32 },
        adapter: coLora({ alpha: '12', ratio: '0.2' }),
      },
      uniform: true,
    },
  },
};
