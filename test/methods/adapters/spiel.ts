import * as ops from '../../../worker/tensor/ops.generated.ts';
import { type AdapterTrial, exact } from '../adapter-trial.ts';
import { float32, int4 } from '../axis-values.ts';

export const trial: AdapterTrial = {
  identities: {
    SpIEL: {
      method: {
        adapter: {
          type: 'SpIEL',
          spiel: { density: '0.05', reselectSteps: 3, accumulationSteps: 2 },
        },
      },
      start: 0,
      gradients: (own, G) => ({
        spiel_value: ops.indexSelect(ops.view(G, [-1]), 0, own('spiel_index')),
      }),
    },
    SpIELMA: {
      method: {
        adapter: {
          type: 'SpIEL',
          spiel: { density: '0.05', growth: 'MomentumApproximation', reselectSteps: 3 },
        },
        optimizer: { type: 'SM3' },
      },
      start: 0,
      gradients: (own, G) => ({
        spiel_value: ops.indexSelect(ops.view(G, [-1]), 0, own('spiel_index')),
      }),
    },
  },
  workers: {
    'spiel-ma': {
      preset: 'SpIELMA',
      adapter: { type: 'SpIEL', spiel: { density: '0.05', reselectSteps: 5, initialRate: '0.5' } },
    },
    'spiel-int4': {
      ...{ preset: 'SpIEL', base: int4 },
      adapter: {
        type: 'SpIEL',
        spiel: { density: '0.05', reselectSteps: 5, accumulationSteps: 3, initialRate: '0.5' },
      },
    },
  },
  device: {
    'spiel by momenta of an Int4 base': {
      method: {
        ...{ preset: 'SpIELMA', precision: float32, base: int4 },
        adapter: { type: 'SpIEL', spiel: { reselectSteps: 2 } },
      },
      gap: exact,
    },
    'spiel of an Int4 base, with a density loss': {
      method: {
        ...{ preset: 'SpIEL', precision: float32, base: int4 },
        rule: { type: 'DensityLoss', densityLoss: { epsilon: '1e-3' } },
        adapter: { type: 'SpIEL', spiel: { reselectSteps: 2, accumulationSteps: 2 } },
      },
      gap: exact,
    },
  },
  peers: {
    'spiel-ma': {
      toy: 'llama',
      method: {
        ...{ preset: 'SpIELMA', precision: float32 },
        adapter: {
          type: 'SpIEL',
          spiel: { density: '0.05', reselectSteps: 2, initialRate: '0.5' },
        },
      },
    },
    spiel: {
      toy: 'qwen2',
      method: {
        ...{ preset: 'SpIEL', precision: float32 },
        adapter: {
          type: 'SpIEL',
          spiel: { density: '0.05', reselectSteps: 2, accumulationSteps: 2, initialRate: '0.5' },
        },
      },
    },
  },
};
