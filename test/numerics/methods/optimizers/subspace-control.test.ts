import test from 'ava';
import fc from 'fast-check';
import {
  chosen,
  firstControl,
  fromNumbers,
  isDue,
  type LazySettings,
  toNumbers,
} from '../../../../worker/methods/optimizers/subspace-control.ts';

const paper: LazySettings = {
  ...{ refreshSteps: 200, cosineThreshold: 0.4, gapGrowth: 2, queueSize: 5 },
};

/** Updates at which a choice is made, when every cosine is this. */
function choicesUntil(last: number, cosine: number, settings = paper): readonly number[] {
  const found: number[] = [];
  let control = firstControl(settings);
  for (let updates = 0; updates <= last; updates += 1) {
    if (!isDue(control, updates)) continue;
    control = chosen(control, found.length === 0 ? null : cosine, settings);
    found.push(updates);
  }
  return found;
}

test('choices that turn out alike make the next ones rarer, by the sequence of the paper’s code', (t) => {
  const expected = [0, 200, 400, 600, 800, 1000, 1200, 1600, 3200, 6400, 12_800];
  t.deepEqual(choicesUntil(13_000, 1), expected);
  t.deepEqual(choicesUntil(13_000, -1), expected, 'a direction has no sign');
  t.deepEqual(choicesUntil(13_000, 0.4), expected, 'the threshold itself counts');
});

test('choices that differ keep their distance for ever', (t) => {
  t.deepEqual(
    choicesUntil(2000, 0.39),
    Array.from({ length: 11 }, (_, n) => 200 * n),
  );
});

test('only the last cosines count', (t) => {
  let control = firstControl(paper);
  control = chosen(control, null, paper);
  for (const cosine of [0, 0, 0, 0]) control = chosen(control, cosine, paper);
  t.is(control.gap, 200, 'four are not five');
  for (const cosine of [1, 0.5, 0.5]) control = chosen(control, cosine, paper);
  t.deepEqual(control.queue, [0, 0, 1, 0.5, 0.5]);
  t.is(control.gap, 400, 'a mean of exactly 0.4');
  t.is(control.choices, 8);
});

test('what a checkpoint holds of it is all of it', (t) => {
  const control = fc.record({
    gap: fc.integer({ min: 1, max: 1e6 }),
    choices: fc.nat(),
    queue: fc.array(fc.double({ min: 0, max: 1, noNaN: true, minExcluded: true }), {
      maxLength: 5,
    }),
  });
  fc.assert(
    fc.property(control, (one) => {
      const numbers = toNumbers(one, 5);
      t.is(numbers.length, 8);
      t.deepEqual(fromNumbers(numbers), one);
    }),
  );
});
