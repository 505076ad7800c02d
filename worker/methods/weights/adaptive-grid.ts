// The grid of AdaPT: fixed point, in a format of its own for each matrix, which changes while the
// weights train (adaptive-precision.ts). Steps round stochastically, each in its own way; whatever
// else reads the weights, an evaluation or a result, has the nearest values. Gradients pass
// unchanged, also where a value is cut off: the next decision sees the weight and widens the range.
import { streamOf } from '../../tensor/streams.ts';
import type { AdaptSettings } from './adaptive-precision.ts';
import { type FixedPoint, nearest, stochastic } from './fixed-point.ts';
import type { WeightGrid } from './weight-grid.ts';

/** Formats of a grid that change, by path; without one, weights are not rounded. */
export interface AdaptiveFormats {
  readonly settings: AdaptSettings;
  readonly formats: ReadonlyMap<string, FixedPoint>;
  /** Takes other formats, for a step that trains or, with null, for all else. */
  follow(formats: ReadonlyMap<string, FixedPoint>, step: number | null): void;
}

export function adaptiveGrid(settings: AdaptSettings, seed: bigint): WeightGrid {
  let formats: ReadonlyMap<string, FixedPoint> = new Map();
  let step: number | null = null;
  return {
    name: 'AdaPT',
    suffixes: [],
    initialize: () => ({ trained: {}, kept: {} }),
    fake(w, _, { path, first }) {
      const format = formats.get(path);
      if (format === undefined) return w;
      if (step === null) return nearest(w, format);
      return stochastic(w, format, streamOf(seed, 'adapt', path, step, first));
    },
    gradients: (_w, _own, G) => ({ weight: G, trained: {} }),
    learningRateFactor: 1,
    adaptive: {
      settings,
      get formats() {
        return formats;
      },
      follow(fresh, of) {
        formats = fresh;
        step = of;
      },
    },
  };
}
