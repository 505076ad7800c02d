import test from 'ava';
import { found, outlined, right } from '../../../worker/tracking/outlined.ts';

test('a box is drawn by its outline alone', (t) => {
  const plane = { width: 5, height: 5, values: new Float32Array(75) };
  const { values } = outlined(plane, [0.25, 0, 1, 0.5], right);
  const blues = Array.from({ length: 25 }, (_, i) => values[3 * i + 2]);
  t.deepEqual(blues, [
    ...[0, 1, 1, 1, 1],
    ...[0, 1, 0, 0, 1],
    ...[0, 1, 1, 1, 1],
    ...[0, 0, 0, 0, 0],
    ...[0, 0, 0, 0, 0],
  ]);
});

test('a box that was found has dashes, over one that is right', (t) => {
  const plane = { width: 6, height: 1, values: new Float32Array(18) };
  const { values } = outlined(outlined(plane, [0, 0, 1, 0], right), [0, 0, 1, 0], found);
  t.deepEqual(
    Array.from({ length: 6 }, (_, i) => values[3 * i]),
    [1, 1, 0.1, 0.1, 1, 1].map(Math.fround),
  );
});
