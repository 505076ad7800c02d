// Frequencies of every RoPE variant, in float64. This file computes numbers only; tables of cosines
// and the rotation itself are in nn/rope.ts.
//
// Legend: d rotated dims of a head · i pair index, 0 <= i < d/2 · f_i = theta^(-2i/d)
import { UserError } from '../../crds/failures/errors.ts';

export type RopeKind = 'default' | 'linear' | 'dynamic' | 'llama3' | 'yarn' | 'longrope';

export interface RopeConfig {
  readonly theta: number;
  /** Rotated dims of a head, even; the dims after them pass through. */
  readonly dims: number;
  readonly kind: RopeKind;
  readonly factor?: number;
  /** Length of the pretraining: `orig` of the formulas. */
  readonly originalLength?: number;
  readonly low?: number;
  readonly high?: number;
  readonly betaFast?: number;
  readonly betaSlow?: number;
  readonly truncate?: boolean;
  readonly mscale?: number;
  readonly mscaleAllDim?: number;
  readonly attentionFactor?: number;
  readonly short?: readonly number[];
  readonly long?: readonly number[];
}

export interface RopeFrequencies {
  /** Radians for each position, one for each rotated pair. */
  readonly frequencies: readonly number[];
  /** Factor of cosines and sines. */
  readonly attentionFactor: number;
  /** The list that longrope uses; the exported model must be used with the same. */
  readonly list?: 'short' | 'long';
}

/** `sequenceLength` is the configured length of the run, by which longrope chooses its list. */
export function ropeFrequencies(rope: RopeConfig, sequenceLength: number): RopeFrequencies {
  const base = baseFrequencies(rope);
  const factor = rope.factor ?? 1;
  switch (rope.kind) {
    case 'default':
      return { frequencies: base, attentionFactor: 1 };
    case 'linear':
      return { frequencies: base.map((f) => f / factor), attentionFactor: 1 };
    case 'dynamic':
      refuseBeyond(rope, sequenceLength);
      return { frequencies: base, attentionFactor: 1 };
    case 'llama3':
      return { frequencies: base.map((f) => llama3Frequency(rope, f)), attentionFactor: 1 };
    case 'yarn':
      return { frequencies: yarnFrequencies(rope, base), attentionFactor: yarnAttention(rope) };
    case 'longrope': {
      const list = sequenceLength > original(rope) ? 'long' : 'short';
      const divisors = rope[list] ?? [];
      return {
        frequencies: base.map((f, i) => f / (divisors[i] ?? 1)),
        attentionFactor: longropeAttention(rope),
        list,
      };
    }
  }
}

function baseFrequencies({ theta, dims }: RopeConfig): number[] {
  return Array.from({ length: dims / 2 }, (_, i) => theta ** ((-2 * i) / dims));
}

function original(rope: RopeConfig): number {
  return rope.originalLength ?? Number.POSITIVE_INFINITY;
}

/** Beyond its original length "dynamic" depends on each length, so no single table fits a run. */
function refuseBeyond(rope: RopeConfig, sequenceLength: number): void {
  if (sequenceLength <= original(rope)) return;
  throw new UserError({
    code: 'E_INCOMPATIBLE_METHOD',
    path: 'spec.dataset.sequenceLength',
    value: sequenceLength,
    message:
      `sequenceLength is ${sequenceLength}; a model with dynamic RoPE trains up to its own ` +
      `length, ${original(rope)}`,
    hint: `set sequenceLength to ${original(rope)} or less`,
  });
}

function llama3Frequency(rope: RopeConfig, f: number): number {
  const { factor = 8, low = 1, high = 4 } = rope;
  const wavelength = (2 * Math.PI) / f;
  if (wavelength < original(rope) / high) return f;
  if (wavelength > original(rope) / low) return f / factor;
  const smooth = (original(rope) / wavelength - low) / (high - low);
  return ((1 - smooth) * f) / factor + smooth * f;
}

/** Pairs before `low` keep their frequency, pairs after `high` are divided by the factor. */
export function yarnRange(rope: RopeConfig): { readonly low: number; readonly high: number } {
  const { dims, theta, betaFast = 32, betaSlow = 1, truncate = true } = rope;
  const pairOf = (rotations: number): number =>
    (dims * Math.log(original(rope) / (rotations * 2 * Math.PI))) / (2 * Math.log(theta));
  const low = truncate ? Math.floor(pairOf(betaFast)) : pairOf(betaFast);
  const high = truncate ? Math.ceil(pairOf(betaSlow)) : pairOf(betaSlow);
  return { low: Math.max(low, 0), high: Math.min(high, dims - 1) };
}

function yarnFrequencies(rope: RopeConfig, base: readonly number[]): number[] {
  const { low, high } = yarnRange(rope);
  const width = high === low ? 0.001 : high - low;
  const factor = rope.factor ?? 1;
  return base.map((f, i) => {
    const ramp = Math.min(Math.max((i - low) / width, 0), 1);
    return f * (1 - ramp) + (f / factor) * ramp;
  });
}

function yarnAttention(rope: RopeConfig): number {
  const { factor = 1, mscale, mscaleAllDim, attentionFactor } = rope;
  const scale = (m: number): number => (factor <= 1 ? 1 : 0.1 * m * Math.log(factor) + 1);
  if (attentionFactor !== undefined) return attentionFactor;
  if (mscale && mscaleAllDim) return scale(mscale) / scale(mscaleAllDim);
  return scale(1);
}

function longropeAttention(rope: RopeConfig): number {
  const { factor = 1, attentionFactor } = rope;
  if (attentionFactor !== undefined) return attentionFactor;
  return factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(original(rope)));
}
