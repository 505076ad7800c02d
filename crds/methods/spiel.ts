// SpIEL: Scaling Sparse Fine-Tuning to Large Language Models. Trains single values of each weight,
// and drops and grows their places while it trains:
//   y = x (W + scatter(i, v))^T,   v: K, i: K places of the O x I, K = density O I
// v starts at zero, i at random.
import * as z from 'zod';
import { decimal } from '../schema/decimal.ts';
import { adapterEntry, adapterPreset, besideDense } from './adapter-entry.ts';
import { onLayers, targetModules } from './adapter-fields.ts';
import type { Sides } from './adapter-shapes.ts';
import type { Preset } from './method.ts';

const paper = {
  title: 'Scaling Sparse Fine-Tuning to Large Language Models',
  arxiv: '2401.16405',
} as const;

const parameters = z.strictObject({
  density: decimal({ above: 0, max: 0.5 })
    .default('0.01')
    .describe('Share of the values of each weight that train.'),
  growth: z
    .enum(['AccumulatedGradient', 'MomentumApproximation'])
    .optional()
    .describe(
      'Which values grow: those with the largest gradients, with AdamW, or those in rows and columns with the largest sums of SM3. When absent, that of the optimizer.',
    ),
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
    .optional()
    .describe(
      'Steps before that in which AccumulatedGradient gathers gradients of candidates; the first computes all gradients of the weights. When absent 5, or reselectSteps if fewer.',
    ),
  initialRate: decimal({ min: 0, max: 1 })
    .default('0.2')
    .describe('Share of the values that are replaced, at the first step of the run.'),
  targetModules,
});

type Own = z.output<typeof parameters>;

export const spiel = adapterEntry({
  type: 'SpIEL',
  member: 'spiel',
  summary:
    'Trains single values of each chosen weight, and replaces those that change least by those with the largest gradients while it trains.',
  paper,
  use: { goal: 'few trained parameters', words: 'single values, chosen again by gradients' },
  parameters,
  words: (own) => {
    const how = growsByMomenta(own) ? ' by momentum approximation' : '';
    return `SpIEL of ${own.density} of the values${how} ${onLayers(own)}`;
  },
  shape(own) {
    const { density, targetModules } = own;
    const places = ({ in: inputs, out }: Sides) => placesWithin(Number(density), inputs * out);
    return {
      ...{ targetModules, dropout: 0, made: () => 0, decomposing: null, patches: true },
      ...(!growsByMomenta(own) && { probes: true }),
      // Places of the values, and of candidates.
      count: (linear) => ({
        trained: places(linear),
        kept: (growsByMomenta(own) ? 1 : 2) * places(linear),
        taken: 0,
      }),
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

export const spielMaPreset = {
  preset: 'SpIELMA',
  summary:
    'SpIEL whose values grow by momentum approximation, with SM3, whose state is one number for each row and column.',
  axes: {
    ...besideDense({ type: 'SpIEL', spiel: { growth: 'MomentumApproximation' } }),
    optimizer: { type: 'SM3' },
  },
  paper,
} as const satisfies Preset;

/** The parameters with the growth that belongs to an optimizer, where a job names none. */
export function withGrowth(own: Own, optimizer: string): Own {
  const growth = optimizer === 'SM3' ? 'MomentumApproximation' : 'AccumulatedGradient';
  return { ...own, growth: own.growth ?? growth };
}

/** Whether values grow by momentum approximation (MA), and not by accumulated gradients (AG). */
export function growsByMomenta({ growth }: Pick<Own, 'growth'>): boolean {
  return growth === 'MomentumApproximation';
}

/** Null where no gradients are gathered. */
export function accumulationStepsOf(own: Own): number | null {
  if (growsByMomenta(own)) return null;
  return own.accumulationSteps ?? Math.min(5, own.reselectSteps);
}

/**
 * How many products of one of `rows` and one of `columns`, each by size, have fewer than `most`
 * others that are surely no less.
 */
export function largestProducts(rows: number, columns: number, most: number): number {
  let count = 0;
  for (let row = 1; row <= rows; row += 1) count += Math.min(columns, Math.floor(most / row));
  return count;
}

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
