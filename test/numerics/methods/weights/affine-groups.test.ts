// Groups of codes: how far a number comes back, that chance does not lean to one side, and that
// halves of bytes are whole.
import test from 'ava';
import {
  type Coded,
  codeNearest,
  decode,
  decodeHalves,
  groupOf,
  packHalves,
  quantizeStochastically_,
} from '../../../../worker/methods/weights/affine-groups.ts';
import * as ops from '../../../../worker/tensor/ops.generated.ts';
import { normal } from '../../../../worker/tensor/rng.ts';
import { scope } from '../../../../worker/tensor/scope.ts';
import { type Stream, streamOf } from '../../../../worker/tensor/streams.ts';
import { type Tensor, tensor, toArray } from '../../../../worker/tensor/tensor.ts';
import { setThreads } from '../../../../worker/tensor/threads.ts';

test.before(() => setThreads(1));

const draw = (shape: readonly number[], std: number): Tensor =>
  normal(shape, std, streamOf(1, 'affine-groups.test'), 'float32');

function quantizeStochastically(x: Tensor, bits: 4 | 8, stream: Stream): Coded {
  const coded = codeNearest(x, bits);
  quantizeStochastically_(coded, x, bits, stream);
  return coded;
}

const row = (values: readonly number[]): Tensor => tensor(values, [1, values.length], 'float32');

/** Numbers of one group that quantisers have been wrong about. */
const hard: readonly (readonly [string, () => Tensor])[] = [
  ['of both signs', () => draw([4, 512], 0.02)],
  ['from 0.5 to 0.6', () => row([0.5, 0.52, 0.55, 0.59, 0.6])],
  ['below zero', () => row([-0.6, -0.55, -0.5])],
  ['one number', () => row([0.3, 0.3, 0.3])],
  ['zeros', () => row([0, 0, 0, 0])],
  ['one far away', () => row([1e-3, -1e-3, 2e-3, 1000])],
  ['small', () => draw([1, 256], 1e-7)],
];

test('to nearest, a number comes back within half a scale of its group', (t) => {
  scope(() => {
    for (const bits of [4, 8] as const) {
      for (const [what, make] of hard) {
        const x = make();
        const coded = codeNearest(x, bits);
        const back = toArray(decode(coded, 'float32'));
        const [scales, size] = [toArray(coded.scales), groupOf(x.shape[1] ?? 1)];
        const largest = 2 ** bits - 1;
        t.true(toArray(coded.codes).every((code) => code <= largest));
        for (const [i, value] of toArray(x).entries()) {
          const scale = scales[Math.floor(i / size)] ?? 0;
          const gap = Math.abs((back[i] ?? Number.NaN) - value);
          // And the rounding of float32.
          const allowed = scale / 2 + 1e-6 * Math.abs(value) + 1e-11;
          t.true(gap <= allowed, `${what}, ${bits} bits: ${gap} of ${scale}`);
        }
      }
    }
  });
});

test('stochastically, the mean of what comes back is the number, at the ends of a group too', (t) => {
  scope(() => {
    const values = [-0.9, -0.31, -0.07, 0, 0.0021, 0.2, 0.55, 1.3];
    for (const x of [row(values), row(values.map((v) => v + 2)), row(values.map((v) => v - 2))]) {
      const draws = 20_000;
      // Many rows of the same numbers are as many draws.
      const many = ops.contiguous(ops.expand(x, [draws, values.length]));
      const coded = quantizeStochastically(many, 8, streamOf(1, 'chance'));
      const mean = toArray(ops.meanDim(ops.to(decode(coded, 'float32'), 'float64'), [0]));
      const scale = toArray(ops.narrow(coded.scales, 0, 0, 1))[0] ?? 0;
      for (const [i, value] of toArray(x).entries()) {
        const gap = Math.abs((mean[i] ?? Number.NaN) - value);
        const allowed = (4 * scale) / (2 * Math.sqrt(draws)) + 1e-6;
        t.true(gap <= allowed, `${value}: ${gap / scale} of a scale`);
      }
    }
  });
});

test('changes far below a scale add up under stochastic rounding, and are lost under rounding to nearest', (t) => {
  scope(() => {
    const start = draw([8, 512], 0.02);
    const drift = 1e-6;
    const updates = 400;
    let chance = quantizeStochastically(start, 8, streamOf(1, 'start'));
    let nearest = codeNearest(start, 8);
    const first = { chance: decode(chance, 'float32'), nearest: decode(nearest, 'float32') };
    for (let n = 0; n < updates; n += 1) {
      chance = quantizeStochastically(
        ops.addScalar(decode(chance, 'float32'), drift),
        8,
        streamOf(1, 'drift', n),
      );
      nearest = codeNearest(ops.addScalar(decode(nearest, 'float32'), drift), 8);
    }
    const moved = (now: Tensor, before: Tensor) =>
      toArray(ops.mean(ops.to(ops.sub(now, before), 'float64')))[0] ?? Number.NaN;
    const stochastic = moved(decode(chance, 'float32'), first.chance);
    // A scale is some 5e-4; each update adds a deviation of a third of it to 4096 numbers.
    t.true(Math.abs(stochastic / (drift * updates) - 1) <= 0.6, `${stochastic}`);
    t.true(Math.abs(moved(decode(nearest, 'float32'), first.nearest)) < 0.1 * drift * updates);
  });
});

test('groups are the largest that fill a row and have 256 numbers at most', (t) => {
  t.deepEqual([256, 512, 576, 144, 1536, 64, 7, 257, 1].map(groupOf), [
    ...[256, 256, 192, 144, 256, 64, 7, 1, 1],
  ]);
});

test('the same names give the same codes, others give others', (t) => {
  scope(() => {
    const x = draw([2, 64], 1);
    const codes = (name: string) => toArray(quantizeStochastically(x, 8, streamOf(1, name)).codes);
    t.deepEqual(codes('a'), codes('a'));
    t.notDeepEqual(codes('a'), codes('b'));
  });
});

test('codes of 4 bits come back from their bytes', (t) => {
  scope(() => {
    for (const shape of [
      [3, 8],
      [5, 7],
    ]) {
      const count = shape.reduce((a, b) => a * b);
      const codes = tensor(
        Array.from({ length: count }, (_, i) => (i * 7) % 16),
        shape,
        'uint8',
      );
      const bytes = packHalves(codes);
      t.is(bytes.bytes, Math.ceil(count / 2));
      const [rows = 0, columns = 0] = shape;
      const scales = ops.ones([rows, 1]);
      const zeros = ops.zeros([rows, 1], { dtype: 'uint8' });
      const back = decodeHalves({ codes: bytes, scales, zeros }, columns, 'float32');
      t.deepEqual(toArray(back), toArray(codes));
    }
  });
});
