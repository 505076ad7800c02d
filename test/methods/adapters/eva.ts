import { type AdapterTrial, rounded } from '../adapter-trial.ts';
import { float32, nf4 } from '../axis-values.ts';
import { ofTwo } from '../dense-gradients.ts';

export const trial: AdapterTrial = {
  identities: {
    EVA: {
      // Of unequal ranks the plan knows the most alone: eva.test.ts.
      method: { adapter: { type: 'EVA', eva: { rank: 4, alpha: '8', rho: '1' } } },
      start: 0,
      gradients: ofTwo,
    },
  },
  workers: {
    // Its noise is the same at all workers.
    'eva-nf4-ggpo': {
      ...{ preset: 'EVA', base: nf4, adapter: { type: 'EVA', eva: { rank: 8 } } },
      rule: { type: 'GGPO' },
    },
  },
  device: {
    'eva of an NF4 base with dropout and noise, in bfloat16': {
      method: {
        ...{ preset: 'EVA', base: nf4, rule: { type: 'GGPO' } },
        adapter: { type: 'EVA', eva: { dropout: '0.1' } },
      },
      gap: rounded,
    },
  },
  peers: {
    eva: {
      toy: 'gemma3',
      method: {
        ...{ preset: 'EVA', precision: float32 },
        adapter: { type: 'EVA', eva: { rank: 4, rho: '4', alpha: '12' } },
      },
    },
  },
};
