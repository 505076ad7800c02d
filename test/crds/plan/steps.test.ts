import test from 'ava';
import fc from 'fast-check';
import type { Schedule } from '../../../crds/api/training.ts';
import {
  decayStepsOf,
  epochAt,
  learningRateAt,
  ratioAt,
  totalSteps,
} from '../../../crds/plan/steps.ts';

const schedule = fc.record({
  type: fc.constantFrom(
    'Constant' as const,
    'Linear' as const,
    'Cosine' as const,
    'WarmupStableDecay' as const,
  ),
  warmupSteps: fc.nat(50),
  minRatio: fc.constantFrom('0', '0.1', '0.5', '1'),
  decaySteps: fc.option(fc.integer({ min: 1, max: 60 }), { nil: undefined }),
});

const of = (changes: Partial<Schedule>): Schedule => ({
  type: 'Cosine',
  warmupSteps: 0,
  minRatio: '0',
  ...changes,
});

test('steps are those of the job, or as many as its passes over the data need', (t) => {
  t.is(totalSteps({ maxSteps: 7 }, 1000, 4), 7);
  t.is(totalSteps({ epochs: '1' }, 1000, 4), 250);
  t.is(totalSteps({ epochs: '0.5' }, 1000, 4), 125);
  t.is(totalSteps({ epochs: '1' }, 1001, 4), 251);
  t.is(totalSteps({ epochs: '0.1' }, 30, 1), 3);
  t.is(totalSteps({ epochs: '0.001' }, 10, 4), 1);
});

test('enough steps are made to see the data so often, and one less would not be enough', (t) => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 1, max: 5000 }),
      fc.integer({ min: 1, max: 64 }),
      (tenths, sequences, batch) => {
        const epochs = tenths / 10;
        const steps = totalSteps({ epochs: String(epochs) }, sequences, batch);
        const slack = 1e-6;
        return (
          epochAt(steps, sequences, batch) >= epochs - slack &&
          (steps === 1 || epochAt(steps - 1, sequences, batch) < epochs + slack)
        );
      },
    ),
  );
  t.pass();
});

test('the rate rises in equal parts, is never 0 on the way, and reaches its largest at warmupSteps', (t) => {
  const warm = of({ type: 'Constant', warmupSteps: 4 });
  t.deepEqual(
    [0, 1, 2, 3, 4, 5].map((s) => ratioAt(warm, 10, s)),
    [0.2, 0.4, 0.6, 0.8, 1, 1],
  );
});

test('cosine is halfway down in the middle, linear falls in equal parts', (t) => {
  t.is(ratioAt(of({}), 10, 0), 1);
  t.true(Math.abs(ratioAt(of({}), 10, 5) - 0.5) < 4 * Number.EPSILON);
  const linear = of({ type: 'Linear', minRatio: '0.2' });
  const falls = [1, 2, 3].map((s) => ratioAt(linear, 4, s - 1) - ratioAt(linear, 4, s));
  for (const fall of falls) t.true(Math.abs(fall - 0.2) < 4 * Number.EPSILON);
});

test('a stable schedule stays at its largest until the decay begins', (t) => {
  const stable = of({ type: 'WarmupStableDecay', warmupSteps: 2, decaySteps: 4 });
  t.deepEqual(
    [2, 5, 6].map((s) => ratioAt(stable, 10, s)),
    [1, 1, 1],
  );
  t.deepEqual(
    [7, 8, 9].map((s) => ratioAt(stable, 10, s)),
    [0.75, 0.5, 0.25],
  );
  t.is(decayStepsOf(of({ type: 'WarmupStableDecay' }), 100), 10);
});

test('every schedule stays between its end and its largest, rises only while warming up, and falls only after', (t) => {
  fc.assert(
    fc.property(schedule, fc.integer({ min: 1, max: 200 }), (one, total) => {
      const { decaySteps, ...rest } = one;
      const full: Schedule = decaySteps === undefined ? rest : { ...rest, decaySteps };
      const low = Number(full.minRatio);
      const rounding = 4 * Number.EPSILON;
      for (let s = 0; s < total; s++) {
        const ratio = ratioAt(full, total, s);
        if (!(ratio > 0 || low === 0) || ratio > 1 + rounding) return false;
        if (s >= full.warmupSteps && ratio < low - rounding) return false;
        if (s === 0) continue;
        const before = ratioAt(full, total, s - 1);
        if (s <= full.warmupSteps ? ratio <= before : ratio > before + rounding) return false;
      }
      return true;
    }),
  );
  t.pass();
});

test('the rate is the ratio times the decimal of the job', (t) => {
  const question = { schedule: of({ type: 'Constant' }), learningRate: '2e-4', totalSteps: 3 };
  t.is(learningRateAt(question, 1), 2e-4);
});
