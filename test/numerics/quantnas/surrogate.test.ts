// What stands for rounding in a search.
import test from 'ava';
import { halfWave, halfWaveCut, halfWaveStep } from '../../../worker/quantnas/half-wave.ts';
import { fittedSteps, integersOf, onLearnedGrid } from '../../../worker/quantnas/learned-step.ts';
import { type Rounded, roundedInput, roundedWeight } from '../../../worker/quantnas/surrogate.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { normal } from '../../../worker/tensor/rng.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { streamOf } from '../../../worker/tensor/streams.ts';
import { type Tensor, tensor, toArray } from '../../../worker/tensor/tensor.ts';
import { setThreads } from '../../../worker/tensor/threads.ts';

test.before(() => setThreads(1));

const noisy: Rounded = { surrogate: 'Noise', draw: { seed: 3n, step: 5, key: 2 } };
const rounding: Rounded = { ...noisy, surrogate: 'Rounding' };
const values = (shape: readonly number[]): Tensor =>
  normal(shape, 1, streamOf(1, 'values'), 'float64');

function deviation(of: readonly number[]): number {
  const mean = of.reduce((sum, one) => sum + one, 0) / of.length;
  return Math.sqrt(of.reduce((sum, one) => sum + (one - mean) ** 2, 0) / of.length);
}

test('noise on weights deviates as rounding to the same steps does: 0.2887 of a step', (t) => {
  scope(() => {
    const weight = values([64, 1024]);
    for (const bits of [4, 8] as const) {
      const errors = (rounded: Rounded): readonly number[] => {
        const off = ops.sub(roundedWeight(weight, bits, 'p', rounded), weight);
        return toArray(ops.div(off, fittedSteps(weight, bits)));
      };
      const noise = deviation(errors(noisy));
      // 1 % is some six deviations of an estimate from 65,536 values.
      t.true(Math.abs(noise / Math.sqrt(1 / 12) - 1) < 0.01, `${bits}: ${noise}`);
      const own = deviation(errors(rounding));
      t.true(Math.abs(own / noise - 1) < 0.02, `${bits}: ${own} of rounding, ${noise}`);
    }
  });
});

test('inputs are cut as half-wave rounding cuts them, with noise of its step', (t) => {
  scope(() => {
    const x = values([512, 64]);
    const cut = halfWaveCut(x, 4);
    const off = toArray(ops.sub(roundedInput(x, 4, 'p', noisy), cut));
    t.true(Math.abs(deviation(off) / (halfWaveStep(4) * Math.sqrt(1 / 12)) - 1) < 0.02);
    t.deepEqual(toArray(roundedInput(x, 4, 'p', rounding)), toArray(halfWave(x, 4)));
    const steps = toArray(ops.divScalar(halfWave(x, 4), halfWaveStep(4)));
    t.true(steps.every((one) => one >= 0 && one <= 15 && Math.abs(one - Math.round(one)) < 1e-9));
  });
});

test('evaluation has no noise', (t) => {
  scope(() => {
    const [weight, x] = [values([4, 9]), values([5, 4])];
    const still: Rounded = { surrogate: 'Noise', draw: null };
    t.deepEqual(toArray(roundedWeight(weight, 4, 'p', still)), toArray(weight));
    t.deepEqual(toArray(roundedInput(x, 4, 'p', still)), toArray(halfWaveCut(x, 4)));
  });
});

test('fitted steps cut no value and reach the largest; rows of zeros have a step', (t) => {
  scope(() => {
    const weight = tensor([-7, 3.5, 0, 0, 1, 0.5], [3, 2], 'float64');
    t.deepEqual(toArray(fittedSteps(weight, 4)), [1, 1, 1 / 7]);
  });
});

test('weights on a learned grid are integers times the step, and stay where they are on it', (t) => {
  scope(() => {
    const weight = values([6, 40]);
    for (const bits of [2, 3, 4, 8] as const) {
      const logStep = ops.log(ops.squeeze(ops.mulScalar(fittedSteps(weight, bits), 0.8), 1));
      const codes = toArray(integersOf(weight, logStep, bits));
      const most = 2 ** (bits - 1) - 1;
      t.true(codes.every((code) => Number.isInteger(code) && code >= -most - 1 && code <= most));
      t.true(
        codes.some((code) => code === most),
        'values beyond are cut',
      );
      const once = onLearnedGrid(weight, logStep, bits);
      t.deepEqual(toArray(onLearnedGrid(once, logStep, bits)), toArray(once));
    }
  });
});
