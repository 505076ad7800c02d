import * as ops from '../../../worker/tensor/ops.generated.ts';
import { type AdapterTrial, exact } from '../adapter-trial.ts';
import { float32, nf4 } from '../axis-values.ts';

export const trial: AdapterTrial = {
  identities: {
    PaCA: {
      method: { adapter: { type: 'PaCA', paca: { rank: 6, alpha: '9' } } },
      start: 0,
      gradients: (own, G) => ({
        paca_value: ops.mulScalar(ops.indexSelect(G, 1, own('paca_index')), 1.5),
      }),
    },
  },
  workers: {
    'paca-nf4-allora': {
      ...{ preset: 'PaCA', base: nf4, rule: { type: 'ALLoRA' } },
      adapter: { type: 'PaCA', paca: { rank: 8 } },
    },
  },
  device: {
    'paca of an NF4 base': {
      method: {
        ...{ preset: 'PaCA', precision: float32, base: nf4 },
        adapter: { type: 'PaCA', paca: { rank: 8 } },
      },
      gap: exact,
    },
  },
  peers: {
    paca: {
      toy: 'phi3',
      method: {
        ...{ preset: 'PaCA', precision: float32 },
        adapter: { type: 'PaCA', paca: { rank: 6, alpha: '9' } },
      },
    },
  },
};
