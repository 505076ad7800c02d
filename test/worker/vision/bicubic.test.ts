import test from 'ava';
import { bicubicWeights } from '../../../worker/vision/bicubic.ts';

const rowsOf = (from: number, to: number) => {
  const weights = bicubicWeights(from, to);
  return Array.from({ length: to }, (_, i) => [...weights.subarray(i * from, (i + 1) * from)]);
};

test('a row of its own size stays as it is', (t) => {
  t.deepEqual(rowsOf(3, 3), [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ]);
});

test('half a size takes the middle between four values, and those at the ends for what is behind', (t) => {
  // At a distance of 1/2 the kernel is 0.59375, and at 3/2 it is -0.09375.
  const [near, far] = [0.59375, -0.09375];
  t.deepEqual(rowsOf(4, 2), [
    [far + near, near, far, 0],
    [0, far, near, near + far],
  ]);
});

test('weights of a value have the sum of 1, also where one value becomes many', (t) => {
  for (const [from, to] of [
    [37, 16],
    [3, 7],
    [1, 5],
    [2, 3],
  ] as const) {
    for (const row of rowsOf(from, to)) {
      const sum = row.reduce((total, weight) => total + weight, 0);
      // Sixteen roundings of values below 1.
      t.true(Math.abs(sum - 1) <= 16 * Number.EPSILON, `${from} to ${to}: ${sum}`);
    }
  }
});
