import test from 'ava';
import fc from 'fast-check';
import { rowPanels } from '../../../worker/files/row-panels.ts';

test('panels cover all rows once and in order, by whole steps, and are small', (t) => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 3000 }),
      fc.integer({ min: 1, max: 20_000 }),
      fc.constantFrom(1, 2, 64, 256),
      (rows, columns, step) => {
        const panels = rowPanels([rows, columns], step);
        t.is(panels.at(-1)?.[1], rows);
        for (const [index, [first, behind]] of panels.entries()) {
          t.is(first, index === 0 ? 0 : panels[index - 1]![1]);
          t.is(first % step, 0);
          t.true(behind - first <= Math.max(step, 2 ** 20 / columns));
        }
      },
    ),
  );
});

test('a vector and a single value are one panel', (t) => {
  t.deepEqual(rowPanels([5]), [[0, 5]]);
  t.deepEqual(rowPanels([]), [[0, 1]]);
});
