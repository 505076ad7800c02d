import test from 'ava';
import fc from 'fast-check';
import { turnsOf } from '../../../worker/sample/turns.ts';

test('turns of the paper: 2 steps, then 3, then 2', (t) => {
  t.deepEqual(turnsOf(16, null), [0, 2, 4, 6, 9, 12, 14]);
  t.deepEqual(turnsOf(20, null), [0, 2, 4, 6, 7, 10, 13, 16, 17, 19]);
  t.deepEqual(turnsOf(1, null), [0]);
});

test('turns of one length', (t) => {
  t.deepEqual(turnsOf(7, 3), [0, 3, 6]);
  t.deepEqual(turnsOf(3, 1), [0, 1, 2]);
  t.deepEqual(turnsOf(3, 9), [0]);
});

test('the first step begins a turn, and turns ascend', (t) => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 400 }),
      fc.option(fc.integer({ min: 1, max: 50 })),
      (steps, span) => {
        const found = turnsOf(steps, span);
        return (
          found[0] === 0 &&
          found.every((start, i) => start < steps && (i === 0 || start > (found[i - 1] ?? 0)))
        );
      },
    ),
  );
  t.pass();
});
