import test from 'ava';
import { UserError } from '../../../crds/failures/errors.ts';
import { ddimSteps } from '../../../worker/diffusion/ddim.ts';
import { linearSampler } from '../../../worker/diffusion/sampler-config.ts';
import { noiseLevels } from '../../../worker/diffusion/schedule.ts';

test('steps are apart evenly, from the last to the first', (t) => {
  t.deepEqual(
    ddimSteps(linearSampler, 4).map(({ time }) => time),
    [750, 500, 250, 0],
  );
  const [first] = ddimSteps({ ...linearSampler, offset: 1 }, 20);
  t.is(first?.time, 951);
});

for (const endsClean of [true, false]) {
  test(`with its noise known, a picture is found again, ${endsClean ? 'clean' : 'at the first level'}`, (t) => {
    const config = { ...linearSampler, endsClean };
    const levels = noiseLevels(config.betas);
    const steps = ddimSteps(config, 20);
    const [picture, e] = [0.37, -1.2];
    const { signal = 0, noise = 0 } = levels[steps[0]?.time ?? 0] ?? {};
    const found = steps.reduce(
      (x, step) => step.sample * x + step.noise * e,
      signal * picture + noise * e,
    );
    const end = endsClean
      ? picture
      : (levels[0]?.signal ?? 0) * picture + (levels[0]?.noise ?? 0) * e;
    // Factors up to 100 of sums in float64.
    t.true(Math.abs(found - end) < 1e-12, `${found} and ${end}`);
  });
}

test('numbers of steps that the schedule does not have are refused in one sentence', (t) => {
  for (const count of [0, -1, 2.5, 1001, Number.NaN]) {
    const error = t.throws(() => ddimSteps(linearSampler, count), { instanceOf: UserError });
    t.regex(error?.message ?? '', /whole number from 1 to 1000/u);
  }
  t.throws(() => ddimSteps({ ...linearSampler, offset: 1 }, 1000), { instanceOf: UserError });
});
