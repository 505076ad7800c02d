import * as ops from '../../../worker/tensor/ops.generated.ts';
import { type AdapterTrial, exact } from '../adapter-trial.ts';
import { float32, lisaOfOne } from '../axis-values.ts';

export const trial: AdapterTrial = {
  identities: {
    LoLDU: {
      method: { adapter: { type: 'LoLDU', loldu: { rank: 6 } } },
      start: 0,
      gradients: (own, G) => ({
        loldu_z: ops.diagonal(
          ops.mm(ops.mm(ops.t(own('loldu_L.weight')), G), ops.t(own('loldu_U.weight'))),
        ),
      }),
    },
  },
  workers: { 'loldu-lisa': { preset: 'LoLDU', selection: lisaOfOne } },
  device: {
    'loldu, stochastic gradient descent': {
      method: { preset: 'LoLDU', precision: float32, optimizer: { type: 'SGD' } },
      gap: exact,
    },
  },
  peers: {
    loldu: {
      toy: 'llama',
      method: {
        ...{ preset: 'LoLDU', precision: float32 },
        adapter: { type: 'LoLDU', loldu: { rank: 40 } },
      },
    },
  },
};
