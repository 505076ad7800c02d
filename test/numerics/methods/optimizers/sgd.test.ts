import test from 'ava';
import { type SgdSettings, sgd } from '../../../../worker/methods/optimizers/sgd.ts';
import { type DType, dtypeEpsilon } from '../../../../worker/tensor/dtype.ts';
import { liveHandles } from '../../../../worker/tensor/memory.ts';
import * as ops from '../../../../worker/tensor/ops.generated.ts';
import { normal } from '../../../../worker/tensor/rng.ts';
import { scope } from '../../../../worker/tensor/scope.ts';
import { streamOf } from '../../../../worker/tensor/streams.ts';
import { type Tensor, tensor, toArray } from '../../../../worker/tensor/tensor.ts';

const plain: SgdSettings = { momentum: 0, weightDecay: 0, masterWeights: 'Float32' };
const count = 1000;
const steps = 5;

function stepOf(number: number, more: { decayed?: boolean; scale?: number } = {}) {
  return {
    learningRate: 0.1 / number,
    count: number,
    gradientScale: more.scale ?? 1,
    decayed: more.decayed ?? true,
    stream: streamOf(1, 'sgd.test', number),
  };
}

const draw = (name: string, dtype: DType): Tensor =>
  normal([count], 1, streamOf(3, 'sgd.test', name), dtype);

/** u ← μ u + s g + λ w, w ← w - η u, number by number. */
function reference(
  start: readonly number[],
  gradients: readonly (readonly number[])[],
  { momentum, weightDecay }: SgdSettings,
  scale: number,
): readonly number[] {
  return start.map((first, i) => {
    let [w, u] = [first, 0];
    for (const [s, gradient] of gradients.entries()) {
      u = momentum * u + scale * (gradient[i] ?? 0) + weightDecay * w;
      w -= (0.1 / (s + 1)) * u;
    }
    return w;
  });
}

const largest = (values: readonly number[]): number => Math.max(...values.map(Math.abs));

const meets = test.macro({
  exec(t, dtype: 'float32' | 'float64', settings: SgdSettings) {
    scope(() => {
      const value = draw('w', dtype);
      const start = toArray(value);
      const gradients = Array.from({ length: steps }, (_, s) => draw(`g${s}`, dtype));
      const optimizer = sgd(settings);
      const state = optimizer.initialize(value);
      t.deepEqual(Object.keys(state), settings.momentum > 0 ? ['momentum'] : []);
      for (const [s, gradient] of gradients.entries()) {
        optimizer.update(value, gradient, state, stepOf(s + 1, { scale: 0.5 }));
      }
      const expected = reference(start, gradients.map(toArray), settings, 0.5);
      const gap = largest(toArray(value).map((x, i) => x - (expected[i] ?? 0)));
      // Some six roundings a step, on values of size 5.
      t.true(gap <= 6 * steps * 5 * dtypeEpsilon(dtype), `${gap}`);
    });
  },
  title: (_, dtype: string, { momentum, weightDecay }: SgdSettings) =>
    `SGD with momentum ${momentum} and weight decay ${weightDecay} is the textbook in ${dtype}`,
});

for (const dtype of ['float32', 'float64'] as const) {
  test(meets, dtype, plain);
  test(meets, dtype, { ...plain, momentum: 0.9, weightDecay: 0.1 });
}

test('weight decay leaves alone what is not decayed', (t) => {
  scope(() => {
    const value = tensor([1, -2], [2]);
    const optimizer = sgd({ ...plain, weightDecay: 0.5 });
    const still = tensor([0, 0], [2]);
    optimizer.update(value, still, {}, stepOf(1, { decayed: false }));
    t.deepEqual(toArray(value), [1, -2]);
    optimizer.update(value, still, {}, stepOf(1));
    t.true(Math.abs(toArray(value)[0] ?? 0) < 1);
  });
});

test('a bfloat16 parameter with a master follows float32 arithmetic and shows it rounded', (t) => {
  scope(() => {
    const settings = { ...plain, momentum: 0.5 };
    const value = draw('w', 'bfloat16');
    const exact = ops.to(value, 'float32');
    const optimizer = sgd(settings);
    const state = optimizer.initialize(value);
    t.deepEqual(Object.keys(state), ['momentum', 'master']);
    const exactState = optimizer.initialize(exact);
    for (let s = 1; s <= steps; s += 1) {
      const gradient = draw(`g${s}`, 'bfloat16');
      optimizer.update(value, gradient, state, stepOf(s));
      optimizer.update(exact, ops.to(gradient, 'float32'), exactState, stepOf(s));
    }
    const { master } = state;
    if (master === undefined) return t.fail('there is no master');
    t.deepEqual(toArray(master), toArray(exact));
    t.deepEqual(toArray(value), toArray(ops.to(exact, 'bfloat16')));
  });
});

test('stochastic rounding goes to a neighbour, up as often as the value is near to it', (t) => {
  scope(() => {
    const repeats = 200_000;
    const optimizer = sgd({ ...plain, masterWeights: 'StochasticRounding' });
    // Between 1 and its next neighbour 1 + 2^-7, at a quarter of the way.
    const share = 0.25;
    const value = ops.full([repeats], 1, { dtype: 'bfloat16' });
    t.deepEqual(optimizer.initialize(value), {});
    const gradient = ops.full([repeats], -share * 2 ** -7, { dtype: 'float32' });
    optimizer.update(value, gradient, {}, { ...stepOf(1), learningRate: 1 });
    const values = toArray(value);
    const up = values.filter((x) => x === 1 + 2 ** -7).length;
    t.is(up + values.filter((x) => x === 1).length, repeats, 'only the two neighbours occur');
    // Five standard deviations of a binomial share.
    const allowed = 5 * Math.sqrt((share * (1 - share)) / repeats);
    t.true(Math.abs(up / repeats - share) <= allowed, `${up / repeats}`);
  });
});

test('updates too small for bfloat16 move it on average, in either direction', (t) => {
  scope(() => {
    const width = 2000;
    const optimizer = sgd({ ...plain, masterWeights: 'StochasticRounding' });
    const nearest = sgd({ ...plain, masterWeights: 'Float32' });
    const rounds = 100;
    const tiny = 2 ** -12;
    const value = ops.full([width], -1, { dtype: 'bfloat16' });
    const gradient = ops.full([width], tiny, { dtype: 'bfloat16' });
    const lost = ops.full([width], -1, { dtype: 'bfloat16' });
    for (let s = 1; s <= rounds; s += 1) {
      const step = { ...stepOf(s), learningRate: 1 };
      optimizer.update(value, gradient, {}, step);
      // What plain rounding makes of it: a master that is thrown away after each step.
      nearest.update(lost, gradient, nearest.initialize(lost), step);
    }
    const mean = toArray(value).reduce((sum, x) => sum + x, 0) / width;
    const expected = -1 - rounds * tiny;
    // A step moves by 0 or by one unit, 2^-7 below -1: variance at most tiny * 2^-7 a step.
    const allowed = 5 * Math.sqrt((rounds * tiny * 2 ** -7) / width);
    t.true(Math.abs(mean - expected) <= allowed, `${mean} for ${expected}`);
    t.deepEqual(new Set(toArray(lost)), new Set([-1]));
  });
});

test('the same stream rounds the same way, another one another way', (t) => {
  const roundedBy = (name: string): readonly number[] =>
    scope(() => {
      const value = draw('w', 'bfloat16');
      const step = { ...stepOf(1), stream: streamOf(1, name) };
      sgd({ ...plain, masterWeights: 'StochasticRounding' }).update(
        value,
        draw('g', 'float32'),
        {},
        step,
      );
      return toArray(value);
    });
  t.deepEqual(roundedBy('one'), roundedBy('one'));
  t.notDeepEqual(roundedBy('one'), roundedBy('two'));
});

test('an update leaves no tensor behind', (t) => {
  for (const masterWeights of ['Float32', 'StochasticRounding'] as const) {
    scope(() => {
      const optimizer = sgd({ momentum: 0.9, weightDecay: 0.1, masterWeights });
      const value = draw('w', 'bfloat16');
      const gradient = draw('g', 'float32');
      const state = optimizer.initialize(value);
      const before = liveHandles();
      optimizer.update(value, gradient, state, stepOf(1));
      t.is(liveHandles(), before, masterWeights);
    });
  }
});
