import test from 'ava';
import fc from 'fast-check';
import { sequencingOf } from '../../../worker/sample/sequencing.ts';

test('parts with finer details than the mean lead first, the finest first', (t) => {
  const parts = [0.1, 0.5, 0.2, 0.4];
  const steps = [0.8, 0.6, 0.39, 0.2];
  t.deepEqual(sequencingOf({ parts, steps }), { high: [1, 3], rest: [2, 0], fallsAt: 3 });
});

test('where no two parts differ, all are of one group, in their order', (t) => {
  t.deepEqual(sequencingOf({ parts: [0.3, 0.3], steps: [0.5] }), {
    ...{ high: [0, 1], rest: [], fallsAt: 1 },
  });
});

test('pictures that keep high frequencies never fall', (t) => {
  t.is(sequencingOf({ parts: [0.1, 0.2], steps: [0.9, 0.8] }).fallsAt, 2);
});

test('each part is in one group, and the order of parts decides nothing but ties', (t) => {
  const amplitudes = fc.uniqueArray(fc.integer({ min: 0, max: 1000 }), {
    ...{ minLength: 1, maxLength: 8 },
  });
  fc.assert(
    fc.property(amplitudes, (all) => {
      const found = sequencingOf({ parts: all, steps: [] });
      const reversed = sequencingOf({ parts: all.toReversed(), steps: [] });
      const named = (own: readonly number[], of: readonly number[]) => own.map((i) => of[i]);
      t.deepEqual(
        [...found.high, ...found.rest].toSorted((a, b) => a - b),
        [...all.keys()],
      );
      t.deepEqual(named(found.high, all), named(reversed.high, all.toReversed()));
      t.deepEqual(named(found.rest, all), named(reversed.rest, all.toReversed()));
    }),
  );
});
