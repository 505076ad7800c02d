// AdaPT (Kummer et al. 2021): how many bits the weights of a layer have, decided again and again
// while they train. Pure, of numbers that are the same at every rank of a world.
//
// PushDown: the fewest fractional bits, then the fewest bits, with which the histogram of the
// rounded weights, q, is that of the weights, p: sum q ln(q / p) <= tolerance.
// PushUp: more of both where gradients of the last steps point in different directions. With
//   D = sum ||g|| / ||sum g||     d = ln D - 1
// the fraction grows by 1 for d <= 0, else by the least, mean or largest of ceil(1 / d^2) and
// max(min(ceil(32 d^2), 32) - fraction, 0).
//
// Differences: the divergence of the release passes probabilities where logarithms are expected, so
// that its value changes sign; here it is a true one. Its zero cannot be reached by finitely many
// intervals with other steps than the format's, so intervals are aligned to powers of two, as
// formats are, and there is a tolerance. A step that is larger than an interval leaves intervals
// empty, so the fraction follows from how wide intervals are, and the tolerance decides how many
// bits the tails get. Therefore the intervals that a layer has are those of 99 % of its weights,
// not of all: outliers get more intervals, and do not widen them. All formats are tried in order of
// their bits, where the release bisects by a midpoint that it does not evaluate. A format keeps the
// range that weights need, times 2^guardBits; in the paper it is that of [-1, 1] at least, times
// 2^8.
import { type FixedPoint, floatBits } from './fixed-point.ts';
import { divergence, type Histogram } from './histogram.ts';

type Strategy = 'Min' | 'Mean' | 'Max';
const strategies: readonly Strategy[] = ['Min', 'Mean', 'Max'];

export interface AdaptSettings {
  readonly strategy: Strategy;
  readonly tolerance: number;
  readonly guardBits: number;
  readonly minBits: number;
  /** Steps between two decisions about a layer. */
  readonly minLookback: number;
  readonly maxLookback: number;
}

/** Of a layer. */
export interface LayerPrecision extends FixedPoint {
  readonly lookback: number;
  /** There are 2^resolution + 1 intervals for the bulk of the weights. */
  readonly resolution: number;
  /** Since the last decision: steps with a gradient, and the sum of the norms of these. */
  readonly steps: number;
  readonly norms: number;
  /** Sketch of the sum of the gradients. */
  readonly sum: readonly number[];
}

/** Part of checkpoints. */
export interface AdaptState {
  /** In the order of the model. */
  readonly layers: readonly LayerPrecision[];
  readonly strategy: Strategy;
  /** Of the steps since the strategy was considered. */
  readonly losses: { readonly sum: number; readonly count: number };
  readonly meanBefore: number | null;
}

/** Intervals of a layer: 65 to 257, 129 at first; the paper has 50 to 150. */
const resolutions = { least: 6, first: 7, most: 8 } as const;
/** Part that a new look-back has in the one that is used. */
const lookbackMomentum = 0.33;
/** Gradients whose sum is zero have no diversity. */
const mostDiversity = 1e6;

export function firstPrecision({ minLookback }: AdaptSettings): LayerPrecision {
  const format = { bits: floatBits, fraction: floatBits };
  const window = { steps: 0, norms: 0, sum: [] };
  return { ...format, lookback: minLookback, resolution: resolutions.first, ...window };
}

/** The fewest bits whose histogram is that of the values. */
export function pushDown(histogram: Histogram, tolerance: number): FixedPoint {
  const { range, resolution } = histogram;
  const fits = (format: FixedPoint) => divergence(histogram, format) <= tolerance;
  const finest = resolution - 1 - range;
  const unclipped = resolution + 2;
  let fraction = finest - resolution;
  while (fraction < finest && !fits({ bits: unclipped, fraction })) fraction += 1;
  let bits = 2;
  while (bits < unclipped && !fits({ bits, fraction })) bits += 1;
  return { bits, fraction };
}

/** More bits, the more so the more gradients differ. */
export function pushUp(
  { bits, fraction }: FixedPoint,
  diversity: number,
  strategy: Strategy,
  guardBits: number,
): FixedPoint {
  const more = moreBits(fraction, diversity, strategy);
  const all = bits + more + guardBits;
  if (all >= floatBits) return { bits: floatBits, fraction: floatBits };
  return { bits: all, fraction: fraction + more };
}

function moreBits(fraction: number, diversity: number, strategy: Strategy): number {
  const d = Math.log(diversity) - 1;
  if (d <= 0) return 1;
  const one = Math.min(floatBits, Math.ceil(1 / d ** 2));
  const two = Math.max(Math.min(Math.ceil(32 * d ** 2), 32) - fraction, 0);
  if (strategy === 'Min') return Math.min(one, two);
  return strategy === 'Max' ? Math.max(one, two) : Math.ceil((one + two) / 2);
}

/** At least 1; 1 where all gradients of the window are alike, or there are none. */
export function diversityOf({ norms, sum }: LayerPrecision): number {
  if (norms === 0) return 1;
  const length = norm(sum);
  // Not below 1 by rounding.
  return Math.min(mostDiversity, Math.max(1, norms / length));
}

/** Takes a gradient into the window, by its sketch. */
export function seen(layer: LayerPrecision, sketch: readonly number[]): LayerPrecision {
  const own = norm(sketch);
  if (own === 0) return layer;
  const sum = sketch.map((value, i) => value + (layer.sum[i] ?? 0));
  return { ...layer, sum, norms: layer.norms + own, steps: layer.steps + 1 };
}

export function isDue({ steps, lookback }: LayerPrecision): boolean {
  return steps >= lookback;
}

/** Look-back and resolution for the next window, which is empty; those of a first one stay. */
export function nextWindow(
  { minLookback, maxLookback }: AdaptSettings,
  layer: LayerPrecision,
): LayerPrecision {
  if (layer.steps === 0) return layer;
  const within = (steps: number) => Math.min(maxLookback, Math.max(minLookback, Math.ceil(steps)));
  const wanted = within(maxLookback / diversityOf(layer));
  const kept = 1 - lookbackMomentum;
  const lookback = within(lookbackMomentum * wanted + kept * layer.lookback);
  const change = lookback === minLookback ? 1 : lookback === maxLookback ? -1 : 0;
  const { least, most } = resolutions;
  const resolution = Math.min(most, Math.max(least, layer.resolution + change));
  return { ...layer, lookback, resolution, steps: 0, norms: 0, sum: [] };
}

/**
 * A layer whose window is over, with the next window and the format that the histogram of its
 * weights gives it. Without a histogram, where weights are no finite numbers, it keeps its format.
 */
export function decided(
  settings: AdaptSettings,
  layer: LayerPrecision,
  histogram: Histogram | null,
  strategy: Strategy,
): LayerPrecision {
  const next = nextWindow(settings, layer);
  if (histogram === null) return next;
  return { ...next, ...formatFor(settings, histogram, diversityOf(layer), strategy) };
}

/** Pushed down, then up; at least `minBits`, of which those that were missing are fractional. */
function formatFor(
  { tolerance, guardBits, minBits }: AdaptSettings,
  histogram: Histogram,
  diversity: number,
  strategy: Strategy,
): FixedPoint {
  const found = pushUp(pushDown(histogram, tolerance), diversity, strategy, guardBits);
  const missing = Math.max(0, minBits - found.bits);
  if (found.bits + missing >= floatBits) return { bits: floatBits, fraction: floatBits };
  return { bits: found.bits + missing, fraction: found.fraction + missing };
}

/**
 * After a step: every `maxLookback` of them, a strategy with more bits if the mean loss has not
 * fallen since the ones before, else with fewer, and never fewer than the job asks for.
 */
export function withLoss(settings: AdaptSettings, state: AdaptState, loss: number): AdaptState {
  const losses = { sum: state.losses.sum + loss, count: state.losses.count + 1 };
  if (losses.count < settings.maxLookback) return { ...state, losses };
  const mean = losses.sum / losses.count;
  const { meanBefore } = state;
  const change = meanBefore === null ? 0 : mean < meanBefore ? -1 : 1;
  const first = strategies.indexOf(settings.strategy);
  const at = Math.max(first, strategies.indexOf(state.strategy) + change);
  const strategy = strategies[Math.min(at, strategies.length - 1)] ?? settings.strategy;
  return { ...state, strategy, losses: { sum: 0, count: 0 }, meanBefore: mean };
}

function norm(values: readonly number[]): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
}
