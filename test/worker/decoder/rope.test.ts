import test from 'ava';
import fc from 'fast-check';
import { type RopeConfig, ropeFrequencies, yarnRange } from '../../../worker/decoder/rope.ts';

// Values computed once in float64 by another program from the formulae; printed with 9 digits.
const printed = 1e-8;

const golden: readonly (readonly [string, RopeConfig, Readonly<Record<number, number>>])[] = [
  [
    'theta 1e4 on 128 dims',
    { theta: 1e4, dims: 128, kind: 'default' },
    { 1: 0.865964323, 16: 0.1, 32: 0.01, 48: 0.001, 63: 1.15478198e-4 },
  ],
  [
    'theta 5e5 on 128 dims',
    { theta: 5e5, dims: 128, kind: 'default' },
    { 1: 0.814617234, 16: 0.0376060309, 32: 0.00141421356, 48: 5.3182959e-5, 63: 2.45514079e-6 },
  ],
  [
    'theta 1e6 on 128 dims',
    { theta: 1e6, dims: 128, kind: 'default' },
    { 1: 0.805842188, 16: 0.0316227766, 32: 0.001, 63: 1.24093776e-6 },
  ],
  [
    'linear by 8 on 256 dims',
    { theta: 1e6, dims: 256, kind: 'linear', factor: 8 },
    { 0: 0.125, 1: 0.112210892, 32: 0.00395284708, 64: 1.25e-4, 127: 1.39246732e-7 },
  ],
  [
    'llama3 by 8 on 128 dims',
    {
      ...{ theta: 5e5, dims: 128, kind: 'llama3', factor: 8 },
      ...{ low: 1, high: 4, originalLength: 8192 },
    },
    {
      28: 0.00321144599,
      29: 0.00216657076,
      31: 8.56751413e-4,
      34: 1.78507813e-4,
      35: 9.55621235e-5,
      36: 7.78465527e-5,
      63: 3.06892599e-7,
    },
  ],
  [
    'llama3 by 32 on 64 dims',
    {
      ...{ theta: 5e5, dims: 64, kind: 'llama3', factor: 32 },
      ...{ low: 1, high: 4, originalLength: 8192 },
    },
    { 1: 0.663601238, 8: 0.0376060309, 16: 4.29556797e-4, 24: 1.66196747e-6, 31: 9.41830673e-8 },
  ],
  [
    'yarn by 4 on 128 dims',
    { theta: 1e6, dims: 128, kind: 'yarn', factor: 4, originalLength: 32_768 },
    { 16: 0.0316227766, 32: 6.02941176e-4, 48: 7.90569415e-6, 63: 3.1023444e-7 },
  ],
];

const macro = test.macro({
  exec(t, rope: RopeConfig, values: Readonly<Record<number, number>>) {
    const { frequencies } = ropeFrequencies(rope, 1024);
    t.is(frequencies.length, rope.dims / 2);
    for (const [index, value] of Object.entries(values)) {
      const actual = frequencies[Number(index)] ?? Number.NaN;
      t.true(Math.abs(actual - value) <= printed * value, `pair ${index}: ${actual}, not ${value}`);
    }
  },
  title: (name) => `${name} gives the golden frequencies`,
});
for (const [name, rope, values] of golden) test(name, macro, rope, values);

test('yarn keeps pairs before 23 and divides pairs behind 40, and scales by 1.1386', (t) => {
  const rope: RopeConfig = {
    ...{ theta: 1e6, dims: 128, kind: 'yarn', factor: 4, originalLength: 32_768 },
  };
  t.deepEqual(yarnRange(rope), { low: 23, high: 40 });
  t.is(ropeFrequencies(rope, 1).attentionFactor.toFixed(9), '1.138629436');
});

test('yarn takes its attention factor from the file, then from the two mscales', (t) => {
  const rope: RopeConfig = {
    ...{ theta: 1e4, dims: 64, kind: 'yarn', factor: 40, originalLength: 4096 },
  };
  t.is(ropeFrequencies({ ...rope, attentionFactor: 2 }, 1).attentionFactor, 2);
  const both = ropeFrequencies({ ...rope, mscale: 0.7, mscaleAllDim: 0.5 }, 1).attentionFactor;
  t.is(both, (0.07 * Math.log(40) + 1) / (0.05 * Math.log(40) + 1));
});

test('longrope chooses its list by the length of the run and scales by 1.19 for a factor of 32', (t) => {
  const rope: RopeConfig = {
    ...{ theta: 1e4, dims: 4, kind: 'longrope', factor: 32, originalLength: 4096 },
    ...{ short: [1, 2], long: [4, 8] },
  };
  const short = ropeFrequencies(rope, 4096);
  const long = ropeFrequencies(rope, 4097);
  t.deepEqual([short.list, long.list], ['short', 'long']);
  t.deepEqual(short.frequencies, [1, 0.01 / 2]);
  t.deepEqual(long.frequencies, [1 / 4, 0.01 / 8]);
  t.is(long.attentionFactor.toFixed(9), '1.190238071');
});

test('dynamic equals default up to its length and refuses beyond it', (t) => {
  const rope: RopeConfig = {
    ...{ theta: 1e4, dims: 64, kind: 'dynamic', factor: 2, originalLength: 2048 },
  };
  t.deepEqual(
    ropeFrequencies(rope, 2048).frequencies,
    ropeFrequencies({ ...rope, kind: 'default' }, 2048).frequencies,
  );
  const error = t.throws(() => ropeFrequencies(rope, 2049));
  t.regex(error.message, /sequenceLength is 2049; .*2048/);
});

test('frequencies fall from pair to pair and scaling never raises one', (t) => {
  const scaled = fc.record({
    theta: fc.double({ min: 100, max: 1e7, noNaN: true }),
    dims: fc.integer({ min: 2, max: 128 }).map((half) => 2 * half),
    factor: fc.double({ min: 1, max: 64, noNaN: true }),
    originalLength: fc.integer({ min: 256, max: 65_536 }),
    kind: fc.constantFrom('linear' as const, 'llama3' as const, 'yarn' as const),
  });
  t.notThrows(() =>
    fc.assert(
      fc.property(scaled, (rope) => {
        const base = ropeFrequencies({ ...rope, kind: 'default' }, 1).frequencies;
        const { frequencies } = ropeFrequencies({ ...rope, low: 1, high: 4 }, 1);
        const rounding = 1 + 8 * Number.EPSILON;
        return frequencies.every(
          (f, i) =>
            f > 0 &&
            f <= (base[i] ?? 0) * rounding &&
            f * rounding >= (base[i] ?? 0) / rope.factor &&
            (i === 0 || f <= (frequencies[i - 1] ?? 0) * rounding),
        );
      }),
    ),
  );
});
