// SpIEL: Scaling Sparse Fine-Tuning to Large Language Models. Trains single values of each weight,
// and drops and grows their places while it trains:
//   y = x (W + scatter(i, v))^T,   v: K, i: K places of the O x I, K = density O I
// v starts at zero, i at random.
import * as z from 'zod';
import { decimal } from '../schema/decimal.ts';
import { adapterEntry, adapterPreset } from './adapter-entry.ts';
import { onLayers, targetModules } from './adapter-fields.ts';
import type { Sides } from './adapter-shapes.ts';

const paper = {
  title: 'Scaling Sparse Fine-Tuning to Large Language Models',
  arxiv: '2401.16405',
} as const;

export const spiel = adapterEntry({
  type: 'SpIEL',
  member: 'spiel',
  summary:
    'Trains single values of each chosen weight, and replaces those that change least by those with the largest gradients while it trains.',
  paper,
  use: { goal: 'few trained parameters', words: 'single values, chosen again by gradients' },
  parameters: z.strictObject({
    density: decimal({ above: 0, max: 0.5 })
      .default('0.01')
      .describe('Share of the values of each weight that train.'),
    reselectSteps: z
      .int32()
      .min(1)
      .max(1_000_000)
      .default(20)
      .describe(
        'Steps after which values are dropped and others grow: all of them the first time, then initialRate, falling to none at the end of the run.',
      ),
    accumulationSteps: z
      .int32()
      .min(1)
      .max(1_000_000)
      .default(5)
      .describe(
        'Steps before that in which gradients of the candidates are gathered; the first of them computes all gradients of the weights. At most reselectSteps.',
      ),
    initialRate: decimal({ min: 0, max: 1 })
      .default('0.2')
      .describe('Share of the values that are replaced, at the first step of the run.'),
    targetModules,
  }),
  words: (own) => `SpIEL of ${own.density} of the values ${onLayers(own)}`,
  shape({ density, targetModules }) {
    const places = ({ in: inputs, out }: Sides) => placesWithin(Number(density), inputs * out);
    return {
      ...{ targetModules, dropout: 0, made: () => 0, decomposing: null, patches: true },
      // Places of the values, and of candidates.
      count: (linear) => ({ trained: places(linear), kept: 2 * places(linear), taken: 0 }),
      perToken: () => ({ exact: 0, copied: 0 }),
    };
  },
  // Places are chosen within whole weights.
  updatesMatrices: true,
  trainsRows: false,
  choosesPlaces: true,
});

export const spielPreset = adapterPreset(
  spiel,
  'Single values of the linear layers of a frozen dense model, dropped and grown by their gradients, with AdamW.',
);

/** How many of the values of a weight train: a half at most, so that as many can be candidates. */
export function placesWithin(density: number, values: number): number {
  // The product of a decimal may be one unit below a whole number.
  return Math.min(Math.floor(values / 2), Math.max(1, Math.floor(density * values + 1e-9)));
}

interface Layer {
  readonly in: number;
  readonly out: number;
  /** Values that train. */
  readonly places: number;
}

/**
 * The r of a file of PEFT's SHiRA, which has r (out + in) places in each layer; null where a layer
 * has fewer values than that.
 */
export function shiraRank(layers: readonly Layer[]): number | null {
  const r = Math.max(...layers.map((one) => Math.ceil(one.places / (one.out + one.in))));
  return layers.every((one) => r * (one.out + one.in) <= one.out * one.in) ? r : null;
}
