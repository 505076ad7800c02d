import test from 'ava';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { philox4x32 } from '../../../worker/tensor/philox.ts';
import { dropoutMask, normal, uniform } from '../../../worker/tensor/rng.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { type Stream, streamOf } from '../../../worker/tensor/streams.ts';
import { item, type Tensor, toArray } from '../../../worker/tensor/tensor.ts';
import { setThreads, threads } from '../../../worker/tensor/threads.ts';

const numbers = (f: () => Tensor): number[] => scope(() => toArray(f()));
const stream = streamOf(42, 'rng.test');

function wordsOf({ key }: Stream): [number, number] {
  return [Number(BigInt.asUintN(32, key)), Number(BigInt.asUintN(32, key >> 32n))];
}

test('uniform numbers are the words of Philox, scaled', (t) => {
  const values = numbers(() => uniform([10], -1, 3, stream, 'float64'));
  const expected = Array.from({ length: 10 }, (_, i) => {
    const word = philox4x32([Math.floor(i / 4), 0, 0, 0], wordsOf(stream))[i % 4]!;
    return -1 + 4 * (word >>> 8) * 2 ** -24;
  });
  t.deepEqual(values, expected);
});

test('normal numbers are Box and Muller of the words of Philox', (t) => {
  const count = 4001;
  const values = numbers(() => normal([count], 2, stream, 'float64'));
  for (const [i, value] of values.entries()) {
    const [a, b, c, d] = philox4x32([i >> 1, 0, 1, 0], wordsOf(stream));
    const u1 = (a * 2 ** 21 + (b >>> 11) + 1) * 2 ** -53;
    const angle = 2 * Math.PI * (c * 2 ** 21 + (d >>> 11)) * 2 ** -53;
    const z = Math.sqrt(-2 * Math.log(u1)) * (i % 2 === 0 ? Math.cos(angle) : Math.sin(angle));
    // philox.h promises 2^-45; the library's own functions err far less.
    t.true(Math.abs(value - 2 * z) < 2 * 2 ** -45, `${i}: ${value} against ${2 * z}`);
  }
});

test('normal numbers have the moments of a normal distribution', (t) => {
  const count = 1 << 20;
  scope(() => {
    const z = normal([count], 1, stream, 'float64');
    const moment = (power: number): number => item(ops.mean(ops.powScalar(z, power)));
    // Moments 1 to 4 are 0, 1, 0, 3, with variances 1, 2, 15, 96 over count; 5 sigma each.
    for (const [power, mean, variance] of [
      [1, 0, 1],
      [2, 1, 2],
      [3, 0, 15],
      [4, 3, 96],
    ] as const) {
      t.true(Math.abs(moment(power) - mean) < 5 * Math.sqrt(variance / count), `moment ${power}`);
    }
  });
});

test('a value depends on its place alone, not on the shape, the threads or the neighbours', (t) => {
  const before = threads();
  const long = numbers(() => normal([100, 1001], 1, stream));
  setThreads(1);
  const single = numbers(() => normal([100100], 1, stream));
  setThreads(before);
  t.deepEqual(single, long);
  t.deepEqual(
    numbers(() => normal([7], 1, stream)),
    long.slice(0, 7),
  );
});

test('another dtype is the same draw, rounded', (t) => {
  scope(() => {
    const exact = normal([1000], 1, stream, 'float64');
    for (const dtype of ['float32', 'bfloat16', 'float16'] as const) {
      // Through float32 for the short types, as C++ converts them.
      const rounded = ops.to(ops.to(exact, 'float32'), dtype);
      t.deepEqual(toArray(normal([1000], 1, stream, dtype)), toArray(rounded));
    }
  });
});

test('a dropout mask drops its share and keeps the expectation', (t) => {
  const count = 1 << 18;
  const share = 0.1;
  const mask = numbers(() => dropoutMask([count], share, stream, 'float64'));
  t.deepEqual([...new Set(mask)].sort(), [0, 1 / (1 - share)]);
  const dropped = mask.filter((x) => x === 0).length / count;
  t.true(Math.abs(dropped - share) < 5 * Math.sqrt((share * (1 - share)) / count));
});

test('a mask that drops nothing is ones, and one that drops all is refused', (t) => {
  t.deepEqual(
    numbers(() => dropoutMask([3], 0, stream)),
    [1, 1, 1],
  );
  t.throws(() => scope(() => dropoutMask([3], 1, stream)), {
    message: 'anneal::philox_mask_: keep is 0; it must be above 0 and at most 1',
  });
});
