import test from 'ava';
import fc from 'fast-check';
import { emptyRun, type RunState, secondsLeft, see } from '../../../cli/jobs/run-state.ts';
import type { Telemetry } from '../../../crds/wire/telemetry.ts';
import { aStep, messagesOfARun } from '../../builders/run-messages.ts';

const all = messagesOfARun();
const seen = (messages: readonly Telemetry[]): RunState => messages.reduce(see, emptyRun);

test('late, doubled and disordered messages lead to the same state', (t) => {
  const expected = seen(all);
  const order = fc
    .tuple(fc.shuffledSubarray([...all], { minLength: all.length }), fc.subarray([...all]))
    .map(([once, again]) => [...once, ...again]);
  fc.assert(
    fc.property(order, (messages) => {
      t.deepEqual(seen(messages), expected);
    }),
  );
  t.pass();
});

test('missing messages leave gaps and nothing else', (t) => {
  fc.assert(
    fc.property(fc.subarray([...all]), (some) => {
      const state = seen(some);
      const steps = some.filter((message) => message.type === 'step');
      t.deepEqual(
        state.steps.map(({ step }) => step),
        steps.map(({ step }) => step),
      );
      t.is(
        state.plan !== null,
        some.some(({ type }) => type === 'plan'),
      );
      t.is(
        state.end !== null,
        some.some(({ type }) => type === 'end'),
      );
      t.is(state.evaluations.length, some.filter(({ type }) => type === 'evaluation').length);
    }),
  );
  t.pass();
});

test('a step that is done again after a rollback replaces its loss, and the newest step is shown', (t) => {
  const again = { ...aStep(3, 20), loss: 1.5, time: 2000 } as Telemetry;
  const state = see(seen(all), again);
  t.is(state.steps.length, 20);
  t.is(state.steps[2]?.loss, 1.5);
  t.is(state.step?.step, 3);
});

test('a warning that repeats is one warning', (t) => {
  const warning = { type: 'warning', reason: 'Prepare', message: 'one record is empty' } as const;
  const state = seen([1, 2, 3].map((time) => ({ ...warning, time })));
  t.is(state.warnings.length, 1);
  t.is(state.warnings[0]?.time, 3);
});

test('the time left is the pace of the last steps times what is left', (t) => {
  const steps = all.filter(({ type }) => type === 'step');
  t.is(secondsLeft(seen(steps.slice(0, 1))), null);
  // One step a second, 20 in all.
  t.is(secondsLeft(seen(steps.slice(0, 5))), 15);
  t.is(secondsLeft(seen(steps)), 0);
});
