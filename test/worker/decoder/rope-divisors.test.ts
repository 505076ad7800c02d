import test from 'ava';
import { readConfig } from '../../../worker/decoder/config.ts';
import { type RopeConfig, ropeFrequencies } from '../../../worker/decoder/rope.ts';
import { llama3FromDivisors, ropeDivisors } from '../../../worker/decoder/rope-divisors.ts';

const llama31: RopeConfig = {
  ...{ theta: 5e5, dims: 128, kind: 'llama3', factor: 8 },
  ...{ low: 1, high: 4, originalLength: 8192 },
};

/** As writers compute it: every step in float32. */
function singleDivisors({ theta, dims, factor = 1, originalLength = 1 }: RopeConfig) {
  const f32 = Math.fround;
  return Array.from({ length: dims / 2 }, (_, i) => {
    const frequency = f32(1 / f32(theta ** f32((2 * i) / dims)));
    const wavelength = f32(f32(2 * Math.PI) / frequency);
    if (wavelength < originalLength / 4) return 1;
    if (wavelength > originalLength) return factor;
    const smooth = f32(f32(f32(originalLength / wavelength) - 1) / 3);
    return f32(1 / f32(f32(f32(1 - smooth) / factor) + smooth));
  });
}

test('the published scalings of Llama 3 are recognised in their table of divisors', (t) => {
  for (const [factor, dims] of [
    [8, 128],
    [32, 64],
    [32, 128],
  ] as const) {
    const rope = { ...llama31, factor, dims };
    t.deepEqual(llama3FromDivisors(singleDivisors(rope), rope), {
      ...{ rope_type: 'llama3', factor, low_freq_factor: 1, high_freq_factor: 4 },
      original_max_position_embeddings: 8192,
    });
  }
});

test('any other table stays a table and gives the same frequencies', (t) => {
  const divisors = [1, 1.5, 2, 7];
  const json = llama3FromDivisors(divisors, { theta: 1e4, dims: 8 });
  t.is(json.rope_type, 'longrope');
  const { rope } = readConfig({
    ...{ model_type: 'llama', hidden_size: 16, num_attention_heads: 2, rope_scaling: json },
  });
  const { frequencies, attentionFactor } = ropeFrequencies(rope.full, 1e6);
  t.is(attentionFactor, 1);
  const base = ropeFrequencies({ theta: 1e4, dims: 8, kind: 'default' }, 1).frequencies;
  t.deepEqual(
    frequencies,
    base.map((f, i) => f / divisors[i]!),
  );
});

test('divisors are one where a frequency is kept and the factor where it is stretched', (t) => {
  const divisors = ropeDivisors(llama31);
  t.is(divisors[0], 1);
  t.is(divisors.at(-1), 8);
  t.true(divisors.every((d, i) => d >= (divisors[i - 1] ?? 1) - Number.EPSILON * 8));
});
