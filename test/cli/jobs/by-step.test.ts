import test from 'ava';
import fc from 'fast-check';
import { mergedByStep } from '../../../cli/jobs/by-step.ts';

const message = fc.record({
  step: fc.nat({ max: 12 }),
  time: fc.nat({ max: 9 }),
  loss: fc.nat(),
});

/** The newest of each step, by the definition. */
function newest(all: readonly { step: number; time: number; loss: number }[]) {
  const steps = [...new Set(all.map(({ step }) => step))].sort((a, b) => a - b);
  return steps.map((step) =>
    all
      .filter((one) => one.step === step)
      .reduce((best, one) => (one.time >= best.time ? one : best)),
  );
}

test('however messages come in portions, for each step the newest counts', (t) => {
  fc.assert(
    fc.property(fc.array(fc.array(message, { maxLength: 8 }), { maxLength: 8 }), (portions) => {
      const merged = portions.reduce<readonly { step: number; time: number; loss: number }[]>(
        mergedByStep,
        [],
      );
      t.deepEqual(merged, newest(portions.flat()));
    }),
  );
});

test('nothing new leaves the list as it is, the same array', (t) => {
  const list = [{ step: 1, time: 1 }];
  t.is(mergedByStep(list, []), list);
  t.deepEqual(mergedByStep(list, [{ step: 2, time: 2 }]), [
    { step: 1, time: 1 },
    { step: 2, time: 2 },
  ]);
});
