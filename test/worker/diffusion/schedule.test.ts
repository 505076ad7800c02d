import test from 'ava';
import { noiseLevels } from '../../../worker/diffusion/schedule.ts';

test('the levels of a schedule of three steps are those that one counts by hand', (t) => {
  const levels = noiseLevels({ steps: 3, first: 0.1, last: 0.3 });
  for (const [i, product] of [0.9, 0.9 * 0.8, 0.9 * 0.8 * 0.7].entries()) {
    const { signal = 0, noise = 0 } = levels[i] ?? {};
    t.true(Math.abs(signal ** 2 - product) < 1e-15);
    t.true(Math.abs(noise ** 2 - (1 - product)) < 1e-15);
  }
});

test('each level has less of the picture than the one before, and the last almost none', (t) => {
  const levels = noiseLevels({ steps: 1000, first: 1e-4, last: 0.02 });
  t.is(levels.length, 1000);
  t.true(levels.every(({ signal }, i) => i === 0 || signal < (levels[i - 1]?.signal ?? 0)));
  t.true((levels.at(-1)?.signal ?? 1) < 0.01);
});
