import test from 'ava';
import { patchesOfBox } from '../../../../worker/data/tracked/box.ts';

test('a box has the patches that it touches, row by row', (t) => {
  t.deepEqual(patchesOfBox([0.3, 0.1, 0.6, 0.55], 4), [1, 2, 5, 6, 9, 10]);
  t.deepEqual(patchesOfBox([0, 0, 1, 1], 2), [0, 1, 2, 3]);
  t.deepEqual(patchesOfBox([0.25, 0.25, 0.5, 0.5], 4), [5], 'edges between patches touch none');
});

test('a box has one patch at least, and none beside the picture', (t) => {
  t.deepEqual(patchesOfBox([0.3, 0.3, 0.3, 0.3], 4), [5]);
  t.deepEqual(patchesOfBox([1, 1, 1, 1], 4), [15]);
  t.deepEqual(patchesOfBox([0, 0, 0, 0], 4), [0]);
});
