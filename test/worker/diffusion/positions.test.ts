import test from 'ava';
import { gridPositions, timeFrequencies, timeWidth } from '../../../worker/diffusion/positions.ts';

test('a patch is known by its column, then by its row', (t) => {
  const [side, width] = [3, 8];
  const positions = gridPositions(side, width);
  t.is(positions.length, side * side * width);
  for (const [patch, column, row] of [
    [0, 0, 0],
    [1, 1, 0],
    [5, 2, 1],
  ] as const) {
    const of = (at: number) => [Math.sin(at), Math.sin(at / 100), Math.cos(at), Math.cos(at / 100)];
    const expected = Float32Array.from([...of(column), ...of(row)]);
    t.deepEqual(positions.slice(patch * width, (patch + 1) * width), expected);
  }
});

test('a time step is cosines and sines of rates from 1 to 1/10,000', (t) => {
  const values = timeFrequencies([0, 700]);
  t.deepEqual(
    [...values.slice(0, timeWidth)],
    [...new Array(128).fill(1), ...new Array(128).fill(0)],
  );
  const second = values.slice(timeWidth);
  t.is(second[0], Math.cos(700));
  t.is(second[128], Math.sin(700));
  t.true(Math.abs((second[255] ?? 0) - Math.sin(0.07)) < 1e-12);
});
