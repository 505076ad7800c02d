import test from 'ava';
import { scope } from '../../../worker/tensor/scope.ts';
import { tensor, toArray } from '../../../worker/tensor/tensor.ts';
import { croppedPositions } from '../../../worker/tracking/inlet.ts';

test('a template has the upper left of the positions of the search picture', (t) => {
  scope(() => {
    const positions = tensor(
      Array.from({ length: 16 * 2 }, (_, i) => i),
      [1, 16, 2],
    );
    const part = croppedPositions({ templateSide: 2, searchSide: 4 }, positions);
    t.deepEqual(part.shape, [1, 4, 2]);
    t.deepEqual(toArray(part), [0, 1, 2, 3, 8, 9, 10, 11]);
  });
});
