import test from 'ava';
import fc from 'fast-check';
import { heightsOf } from '../../../../cli/screens/job/heights.ts';

const wanted = fc.record({
  rows: fc.integer({ min: 9, max: 80 }),
  beside: fc.boolean(),
  panels: fc.subarray([1, 2, 3, 4]).map((panels) => new Set(panels)),
  workers: fc.nat({ max: 100 }),
  belowWorkers: fc.nat({ max: 3 }),
  happened: fc.nat({ max: 200 }),
  method: fc.integer({ min: 1, max: 9 }),
});

test('panels never ask for more rows than there are, beyond what their heads take', (t) => {
  fc.assert(
    fc.property(wanted, (asked) => {
      const { panels, beside, belowWorkers, method } = asked;
      const { plot, workers, what } = heightsOf(asked);
      const heads =
        (panels.has(1) ? 3 : 0) +
        (panels.has(2) && !beside ? 2 + belowWorkers : 0) +
        (panels.has(3) ? 1 : 0) +
        (panels.has(4) ? 1 + method : 0);
      const lines = plot + what + (beside ? 0 : workers);
      t.true(lines <= Math.max(0, asked.rows - heads));
      t.true(Math.min(plot, workers, what) >= 0);
    }),
  );
});

test('in an ordinary window of 24 rows the curve is seen, and all four workers, and what happened last', (t) => {
  const asked = {
    ...{ rows: 21, beside: false, panels: new Set([1, 2, 3]), belowWorkers: 1, method: 5 },
    ...{ workers: 4, happened: 6 },
  };
  t.deepEqual(heightsOf(asked), { plot: 8, workers: 4, what: 2 });
  const method = heightsOf({ ...asked, panels: new Set([1, 2, 3, 4]), workers: 1 });
  t.deepEqual(method, { plot: 5, workers: 1, what: 2 });
});

test('a panel that is off gets nothing, and the others its rows', (t) => {
  const asked = {
    ...{ rows: 21, beside: false, panels: new Set([1]), belowWorkers: 1, method: 5 },
    ...{ workers: 4, happened: 6 },
  };
  t.deepEqual(heightsOf(asked), { plot: 14, workers: 0, what: 0 });
});
