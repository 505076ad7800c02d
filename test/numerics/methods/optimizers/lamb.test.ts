import test from 'ava';
import fc from 'fast-check';
import { type LambSettings, lamb_, lambState } from '../../../../worker/methods/optimizers/lamb.ts';
import * as ops from '../../../../worker/tensor/ops.generated.ts';
import { normal } from '../../../../worker/tensor/rng.ts';
import { scope } from '../../../../worker/tensor/scope.ts';
import { streamOf } from '../../../../worker/tensor/streams.ts';
import { item, type Tensor, tensor, toArray } from '../../../../worker/tensor/tensor.ts';

const settings: LambSettings = { beta1: 0.9, beta2: 0.95, epsilon: 1e-6, lamb: true };
const draw = (name: string): Tensor => normal([7, 5], 1, streamOf(1, 'lamb.test', name), 'float64');
const norm = (x: Tensor): number => item(ops.linalgVectorNorm(x));
const isNear = (a: number, b: number): boolean => Math.abs(a - b) <= 1e-12 * Math.abs(b);

/** The value after some steps on gradients by number. */
function after(own: LambSettings, steps: number, gradient: (step: number) => Tensor): Tensor {
  const value = draw('w');
  const state = lambState(value, own);
  for (let count = 1; count <= steps; count += 1) {
    lamb_(value, gradient(count), state, { settings: own, learningRate: 0.01, count });
  }
  return value;
}

test('the first step moves a share of the norm that the young means make smaller', (t) => {
  scope(() => {
    for (const beta1 of [0, 0.9]) {
      const moved = norm(
        ops.sub(after({ ...settings, beta1 }, 1, draw.bind(null, 'g')), draw('w')),
      );
      const correction = Math.sqrt(1 - 0.95) / (1 - beta1);
      t.true(isNear(moved, 0.01 * norm(draw('w')) * correction), `${beta1}`);
    }
  });
});

test('the size of gradients does not matter, but for epsilon', (t) => {
  fc.assert(
    fc.property(fc.double({ min: 1, max: 1e6, noNaN: true }), (factor) =>
      scope(() => {
        const own = { ...settings, epsilon: 1e-300 };
        const gradient = (step: number) => draw(`g${step}`);
        const plain = after(own, 4, gradient);
        const scaled = after(own, 4, (step) => ops.mulScalar(gradient(step), factor));
        return norm(ops.sub(plain, scaled)) <= 1e-10;
      }),
    ),
  );
  t.pass();
});

test('without the ratio it is Adam by the book', (t) => {
  scope(() => {
    const own = { ...settings, lamb: false };
    const found = toArray(after(own, 5, (step) => draw(`g${step}`)));
    const w = toArray(draw('w'));
    const [m, v] = [w.map(() => 0), w.map(() => 0)];
    for (let step = 1; step <= 5; step += 1) {
      const g = toArray(draw(`g${step}`));
      for (const [i, each] of g.entries()) {
        m[i] = 0.9 * (m[i] ?? 0) + 0.1 * each;
        v[i] = 0.95 * (v[i] ?? 0) + 0.05 * each * each;
        const correction = Math.sqrt(1 - 0.95 ** step) / (1 - 0.9 ** step);
        const update = (m[i] ?? 0) / (Math.sqrt(v[i] ?? 0) + 1e-6);
        w[i] = (w[i] ?? 0) - 0.01 * correction * update;
      }
    }
    for (const [i, each] of found.entries()) t.true(Math.abs(each - (w[i] ?? 0)) < 1e-13);
  });
});

test('zeros are no case of their own: no gradient moves nothing, and zeros move by Adam', (t) => {
  scope(() => {
    const zero = ops.zeros([7, 5], { dtype: 'float64' });
    t.deepEqual(toArray(after(settings, 3, () => zero)), toArray(draw('w')));
    const value = tensor([0, 0], [2], 'float64');
    const own = { ...settings, beta1: 0 };
    lamb_(value, tensor([3, -3], [2], 'float64'), lambState(value, own), {
      ...{ settings: own, learningRate: 0.01, count: 1 },
    });
    // u = g / (sqrt(0.05) |g|), the ratio 1, the correction sqrt(0.05).
    for (const [i, each] of toArray(value).entries()) {
      t.true(Math.abs(each - (i === 0 ? -0.01 : 0.01)) < 1e-7);
    }
  });
});

test('a first beta of 0 keeps no mean of gradients', (t) => {
  scope(() => {
    t.deepEqual(Object.keys(lambState(draw('w'), { ...settings, beta1: 0 }, 'x_')), [
      'x_exp_avg_sq',
    ]);
    t.is(Object.keys(lambState(draw('w'), settings)).length, 2);
  });
});
