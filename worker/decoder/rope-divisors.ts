// GGUF stores llama3 scaling as a table of frequency divisors, not as its parameters. All published
// models share three of the four parameters, so their table is recognised; any other stays a table.
import { type RopeConfig, ropeFrequencies } from './rope.ts';

interface RopeScalingJson {
  readonly rope_type: 'llama3' | 'longrope';
  readonly [key: string]: unknown;
}

export function llama3FromDivisors(
  divisors: readonly number[],
  { theta, dims }: { readonly theta: number; readonly dims: number },
): RopeScalingJson {
  const factor = Math.max(1, ...divisors);
  for (const originalLength of [8192, 4096, 2048, 16_384, 32_768]) {
    const guess: RopeConfig = {
      ...{ theta, dims, kind: 'llama3', factor },
      ...{ low: 1, high: 4, originalLength },
    };
    if (!isSame(ropeDivisors(guess), divisors)) continue;
    return {
      ...{ rope_type: 'llama3', factor, low_freq_factor: 1, high_freq_factor: 4 },
      original_max_position_embeddings: originalLength,
    };
  }
  return {
    ...{ rope_type: 'longrope', factor: 1, attention_factor: 1 },
    ...{ short_factor: divisors, long_factor: divisors },
  };
}

/** Divisor of each frequency, relative to unscaled RoPE with the same theta. */
export function ropeDivisors(rope: RopeConfig): readonly number[] {
  const base = ropeFrequencies({ theta: rope.theta, dims: rope.dims, kind: 'default' }, 1);
  const scaled = ropeFrequencies(rope, 1).frequencies;
  return base.frequencies.map((f, i) => f / (scaled[i] ?? f));
}

/**
 * Writers compute the table in float32: the frequencies have a relative error of 2^-24 ln(theta), a
 * divisor between 1 and the factor up to `factor` times that. Other lengths differ in the first
 * digit.
 */
function isSame(a: readonly number[], b: readonly number[]): boolean {
  const tolerance = 64 * 2 ** -24 * Math.max(...a);
  return a.length === b.length && a.every((x, i) => Math.abs(x - (b[i] ?? 0)) <= tolerance * x);
}
