// From values of single tokens to means with intervals. Intervals come from resampling documents,
// both models on the same ones: tokens of a document depend on each other, and what makes one hard
// for both models says nothing about their difference.
import type { Estimate } from '../../crds/evaluation/gate.ts';
import { drawsOf, type Stream } from '../tensor/streams.ts';

/** Of each target token, in order. */
export interface TokenScores {
  /** Negative log-likelihoods of its label, in nats. */
  readonly trained: readonly number[];
  readonly artifact: readonly number[];
  /** KL(trained || artifact). */
  readonly divergence: readonly number[];
  /** Both models find the same token most likely. */
  readonly agrees: readonly boolean[];
  /** Target tokens of each document, in order. */
  readonly documents: readonly number[];
}

interface Divergence {
  readonly perplexityRatio: Estimate;
  readonly divergence: Estimate;
  readonly divergence99: Estimate;
  readonly agreement: Estimate;
  readonly loss: { readonly trained: number; readonly artifact: number };
}

const resamples = 1000;
/** Long documents count as several, so that there are some to draw from; many as one, for speed. */
const fewestUnits = 8;
const mostUnits = 512;
const longestUnit = 256;

export function divergenceOf(scores: TokenScores, stream: Stream): Divergence {
  const { trained, artifact, divergence, agrees } = scores;
  const units = unitsOf(scores.documents);
  const draws = resamplesOf(units.length, stream);
  const mean = (values: readonly number[]): Estimate => meanOf(values, units, draws);
  const ratio = mean(artifact.map((nll, token) => nll - (trained[token] ?? Number.NaN)));
  return {
    perplexityRatio: mapped(ratio, Math.exp),
    divergence: mean(divergence),
    divergence99: quantileOf(divergence, units, draws),
    agreement: mean(agrees.map(Number)),
    loss: { trained: mean(trained).value, artifact: mean(artifact).value },
  };
}

/** The mean over tokens, of sums over whole documents with so many tokens each. */
export function meanOfGroups(
  sums: readonly number[],
  tokens: readonly number[],
  stream: Stream,
): Estimate {
  return estimateOf(sums, tokens, resamplesOf(sums.length, stream));
}

/** A range of target tokens that is drawn as a whole. */
interface Unit {
  readonly begin: number;
  readonly end: number;
}

/** Documents in parts of equal size where they are long, several together where there are many. */
function unitsOf(documents: readonly number[]): readonly Unit[] {
  const total = documents.reduce((sum, one) => sum + one, 0);
  const longest = Math.max(1, Math.min(longestUnit, Math.ceil(total / fewestUnits)));
  let parts: Unit[] = [];
  let begin = 0;
  for (const tokens of documents) {
    const count = Math.ceil(tokens / longest);
    for (let part = 0; part < count; part += 1) {
      const from = begin;
      const at = (index: number) => from + Math.floor((index * tokens) / count);
      parts.push({ begin: at(part), end: at(part + 1) });
    }
    begin += tokens;
  }
  while (parts.length > mostUnits) {
    const all = parts;
    parts = all.flatMap((part, index) =>
      index % 2 === 0 ? [{ begin: part.begin, end: (all[index + 1] ?? part).end }] : [],
    );
  }
  return parts;
}

/** How often each unit is in each resample. */
function resamplesOf(units: number, stream: Stream): readonly Uint16Array[] {
  const draws = drawsOf(stream);
  return Array.from({ length: resamples }, () => {
    const counts = new Uint16Array(units);
    for (let drawn = 0; drawn < units; drawn += 1) {
      const unit = draws.below(units);
      counts[unit] = (counts[unit] ?? 0) + 1;
    }
    return counts;
  });
}

function meanOf(
  values: readonly number[],
  units: readonly Unit[],
  draws: readonly Uint16Array[],
): Estimate {
  const sums = units.map(({ begin, end }) => {
    let sum = 0;
    for (let token = begin; token < end; token += 1) sum += values[token] ?? Number.NaN;
    return sum;
  });
  return estimateOf(
    sums,
    units.map(({ begin, end }) => end - begin),
    draws,
  );
}

function estimateOf(
  sums: readonly number[],
  counts: readonly number[],
  draws: readonly Uint16Array[],
): Estimate {
  const ratio = (times: Uint16Array | null): number => {
    let sum = 0;
    let count = 0;
    for (const [unit, own] of sums.entries()) {
      const weight = times === null ? 1 : (times[unit] ?? 0);
      if (weight === 0) continue;
      sum += weight * own;
      count += weight * (counts[unit] ?? 0);
    }
    return sum / count;
  };
  return between(ratio(null), draws.map(ratio));
}

/** The value that one of a hundred tokens exceeds. */
function quantileOf(
  values: readonly number[],
  units: readonly Unit[],
  draws: readonly Uint16Array[],
): Estimate {
  const unitOf = new Uint32Array(values.length);
  for (const [unit, { begin, end }] of units.entries()) unitOf.fill(unit, begin, end);
  const sizes = units.map(({ begin, end }) => end - begin);
  const largestFirst = values
    .map((value, token) => ({ value, unit: unitOf[token] ?? 0 }))
    .sort((a, b) => b.value - a.value);
  const quantile = (times: Uint16Array | null): number => {
    const weightOf = (unit: number) => (times === null ? 1 : (times[unit] ?? 0));
    const total = sizes.reduce((sum, size, unit) => sum + size * weightOf(unit), 0);
    let above = 0;
    for (const { value, unit } of largestFirst) {
      above += weightOf(unit);
      if (above > total / 100) return value;
    }
    return Number.NaN;
  };
  return between(quantile(null), draws.map(quantile));
}

function between(value: number, all: readonly number[]): Estimate {
  const sorted = Float64Array.from(all).sort();
  const at = (share: number) => sorted[Math.floor(share * sorted.length)] ?? Number.NaN;
  return { value, low: at(0.025), high: at(0.975) };
}

function mapped({ value, low, high }: Estimate, change: (x: number) => number): Estimate {
  return { value: change(value), low: change(low), high: change(high) };
}
