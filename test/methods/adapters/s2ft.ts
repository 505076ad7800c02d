import * as ops from '../../../worker/tensor/ops.generated.ts';
import { type AdapterTrial, exact } from '../adapter-trial.ts';
import { float32, lisaOfOne } from '../axis-values.ts';

export const trial: AdapterTrial = {
  identities: {
    S2FT: {
      method: {
        adapter: {
          type: 'S2FT',
          s2ft: {
            ...{ downRatio: '0.2', upRatio: '0.1', gateRatio: '0.05' },
            ...{ outputRatio: '0.5', valueRatio: '0.34' },
          },
        },
      },
      start: 0,
      layers: 13,
      gradients: (own, G) => {
        const [V, index] = [own('s2ft_value'), own('s2ft_index')];
        const isRows = V.shape[1] === G.shape[1];
        return { s2ft_value: ops.indexSelect(G, isRows ? 0 : 1, index) };
      },
    },
  },
  workers: {
    's2ft-int8': {
      ...{ preset: 'S2FT', base: { type: 'Int8' } },
      adapter: { type: 'S2FT', s2ft: { downRatio: '0.2', upRatio: '0.1', valueRatio: '0.5' } },
    },
  },
  device: {
    's2ft in lisa, with a density loss': {
      method: {
        ...{ preset: 'S2FT', precision: float32, selection: lisaOfOne },
        rule: { type: 'DensityLoss', densityLoss: { epsilon: '1e-3' } },
        adapter: { type: 'S2FT', s2ft: { upRatio: '0.05', outputRatio: '0.5', valueRatio: '0.5' } },
      },
      gap: exact,
    },
  },
  peers: {
    s2ft: {
      toy: 'llama',
      method: {
        ...{ preset: 'S2FT', precision: float32 },
        adapter: {
          type: 'S2FT',
          s2ft: { downRatio: '0.1', upRatio: '0.05', outputRatio: '0.3', valueRatio: '0.5' },
        },
      },
    },
    's2ft-fused': {
      toy: 'phi3',
      method: {
        ...{ preset: 'S2FT', precision: float32 },
        adapter: {
          type: 'S2FT',
          s2ft: { downRatio: '0.1', gateRatio: '0.04', upRatio: '0.05', valueRatio: '0.5' },
        },
      },
    },
  },
};
