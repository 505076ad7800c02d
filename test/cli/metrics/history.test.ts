import test from 'ava';
import fc from 'fast-check';
import { curveSentence } from '../../../cli/metrics/curve-sentence.ts';
import { exponentialMean, historyOf, seriesOf } from '../../../cli/metrics/history.ts';
import type { Telemetry } from '../../../crds/wire/telemetry.ts';
import { aStep, messagesOfARun } from '../../builders/run-messages.ts';

const all = messagesOfARun();

test('late, doubled and disordered messages give the same history', (t) => {
  const expected = historyOf(all);
  const order = fc
    .tuple(fc.shuffledSubarray([...all], { minLength: all.length }), fc.subarray([...all]))
    .map(([once, again]) => [...once, ...again]);
  fc.assert(fc.property(order, (messages) => void t.deepEqual(historyOf(messages), expected)));
});

test('a step that was done again counts as it was done last', (t) => {
  const again = { ...aStep(3, 20), loss: 1.5, time: 2000 } as Telemetry;
  t.is(seriesOf(historyOf([again, ...all]), 'loss')[2]?.value, 1.5);
});

test('evaluations stand at the tokens that were seen by then', (t) => {
  const series = seriesOf(historyOf(all), 'eval_loss');
  t.deepEqual(
    series.map(({ step, tokens, value }) => [step, tokens, value]),
    [
      [0, 0, 2.4],
      [20, 40_000, 2.1],
    ],
  );
});

test('an exponential mean of equal values is that value, and stays between the least and the greatest', (t) => {
  const value = fc.double({ min: -1e3, max: 1e3, noNaN: true });
  const values = fc.array(fc.option(value, { nil: null }), { maxLength: 50 });
  fc.assert(
    fc.property(values, fc.double({ min: 0, max: 0.999, noNaN: true }), (list, keep) => {
      const samples = list.map((one, step) => ({ step, tokens: 0, time: 0, value: one }));
      const finite = list.filter((one) => one !== null);
      for (const mean of exponentialMean(samples, keep)) {
        if (mean.value === null) continue;
        // A sum of n products of doubles is off by n units of the last place at most.
        const slack = 50 * Number.EPSILON * 1e3;
        t.true(mean.value >= Math.min(...finite) - slack);
        t.true(mean.value <= Math.max(...finite) + slack);
      }
    }),
  );
  const same = [1, 2, 3].map((step) => ({ step, tokens: 0, time: 0, value: 7 }));
  t.deepEqual(
    exponentialMean(same, 0.5).map((one) => one.value),
    [7, 7, 7],
  );
});

test('a curve in words: from where to where, the lowest, and steps that were not finite', (t) => {
  const samples = [3, 2, null, 2.5].map((value, index) => {
    return { step: 10 * (index + 1), tokens: 0, time: 0, value };
  });
  t.is(
    curveSentence(samples),
    'loss fell from 3.000 to 2.500 over 30 steps; lowest 2.000 at step 20; 1 steps not finite',
  );
  t.is(curveSentence(samples.slice(0, 1)), undefined);
});
