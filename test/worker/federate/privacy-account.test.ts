// Published and computed values, the integral that the sum stands for, and how epsilon must change.
import test from 'ava';
import { divergence, epsilonOf, noiseFor } from '../../../worker/federate/privacy-account.ts';

/** The first is the example of the moments accountant (Abadi et al. 2016), 1.26 there. */
const known = [
  { rate: 0.01, noise: 4, steps: 10_000, tight: 1.0355, classic: 1.2586 },
  { rate: 256 / 60_000, noise: 1.1, steps: 14_063, tight: 2.5971, classic: 3.0092 },
  { rate: 250 / 60_000, noise: 1.3, steps: 3600, tight: 0.9422, classic: 1.1799 },
  { rate: 1, noise: 5, steps: 1, tight: 0.7945, classic: 0.9797 },
];

for (const { tight, classic, ...spent } of known) {
  test(`epsilon of ${spent.steps} steps at rate ${spent.rate.toFixed(4)} and noise ${spent.noise}`, (t) => {
    t.true(Math.abs(epsilonOf([spent], 1e-5) - tight) < 1e-3);
    t.true(Math.abs(epsilonOf([spent], 1e-5, 'classic') - classic) < 1e-3);
  });
}

test('the sum is the integral of the likelihood ratio to the order', (t) => {
  for (const { rate, noise, order } of [
    { rate: 0.1, noise: 1.5, order: 4 },
    { rate: 0.3, noise: 2, order: 9 },
    { rate: 0.9, noise: 3, order: 3 },
  ]) {
    let integral = 0;
    const dx = noise / 500;
    for (let x = -20 * noise; x < 20 * noise + order; x += dx) {
      const density = Math.exp(-(x * x) / (2 * noise ** 2)) / (noise * Math.sqrt(2 * Math.PI));
      const ratio = 1 - rate + rate * Math.exp((2 * x - 1) / (2 * noise ** 2));
      integral += density * ratio ** order * dx;
    }
    const expected = Math.log(integral) / (order - 1);
    t.true(Math.abs(divergence({ rate, noise }, order) - expected) < 1e-9);
  }
});

test('more steps or a higher rate cost more, more noise less, and parts add up', (t) => {
  const base = { rate: 0.02, noise: 1.2, steps: 500 };
  const of = (change: Partial<typeof base>) => epsilonOf([{ ...base, ...change }], 1e-6);
  t.true(
    of({ steps: 501 }) > of({}) && of({ rate: 0.021 }) > of({}) && of({ noise: 1.21 }) < of({}),
  );
  const parts = [
    { ...base, steps: 200 },
    { ...base, steps: 300 },
  ];
  t.true(Math.abs(epsilonOf(parts, 1e-6) - of({})) < 1e-12);
  t.true(
    epsilonOf([{ ...base, rate: 0 }], 1e-6) < 0.02,
    'what is never sampled costs next to nothing',
  );
  t.is(epsilonOf([{ ...base, noise: 0 }], 1e-6), Number.POSITIVE_INFINITY);
});

test('the noise for an epsilon is the least that keeps to it', (t) => {
  for (const epsilon of [0.5, 3, 8]) {
    const asked = { rate: 0.01, steps: 2000 };
    const noise = noiseFor(asked, epsilon, 1e-6);
    t.true(epsilonOf([{ ...asked, noise }], 1e-6) <= epsilon);
    t.true(epsilonOf([{ ...asked, noise: 0.9999 * noise }], 1e-6) > epsilon);
  }
});
