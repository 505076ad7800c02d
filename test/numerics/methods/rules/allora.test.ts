// Rates of rows, around each optimizer that trains adapters.
import test from 'ava';
import { resolveMethod } from '../../../../crds/methods/resolve.ts';
import { layoutOf } from '../../../../crds/plan/kept-parts.ts';
import { freshState } from '../../../../worker/checkpoint/trainer-state.ts';
import { adapterOf } from '../../../../worker/methods/adapters/index.ts';
import { optimizerOf } from '../../../../worker/methods/index.ts';
import { adamW } from '../../../../worker/methods/optimizers/adamw.ts';
import { adamW8bit } from '../../../../worker/methods/optimizers/adamw-8bit.ts';
import { sgd } from '../../../../worker/methods/optimizers/sgd.ts';
import { rowRates, withRowRates } from '../../../../worker/methods/rules/allora.ts';
import * as ops from '../../../../worker/tensor/ops.generated.ts';
import { normal } from '../../../../worker/tensor/rng.ts';
import { scope } from '../../../../worker/tensor/scope.ts';
import { streamOf } from '../../../../worker/tensor/streams.ts';
import { item, type Tensor, tensor, toArray } from '../../../../worker/tensor/tensor.ts';
import { train } from '../../../../worker/train/loop.ts';
import { Training } from '../../../builders/toy-training.ts';

const adam = {
  ...{ beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 },
  masterWeights: 'Float32',
} as const;
const optimizers = [
  adamW(adam),
  adamW8bit(adam),
  sgd({ momentum: 0.9, weightDecay: 0, masterWeights: 'Float32' }),
];
const draw = (name: string, shape: readonly number[] = [5, 256]): Tensor =>
  normal(shape, 1, streamOf(3, 'allora.test', name), 'float32');
const stepOf = (count: number) => ({
  ...{ learningRate: 1e-3, count, gradientScale: 1, decayed: true },
  stream: streamOf(1, 'allora.test', count),
});

test('the rate of a row is eta at zero, falls as the row grows, and ends as one over the root of its norm', (t) => {
  scope(() => {
    const w = tensor([0, 0, 3, 4, 30, 40, 3e6, 4e6], [4, 2], 'float64');
    const [zero = 0, five = 0, fifty = 0, far = 0] = toArray(rowRates(w, 2));
    t.is(zero, 2);
    t.true(Math.abs(five - 1 / Math.sqrt(5.25)) < 1e-12);
    t.true(zero > five && five > fifty && fifty > far);
    t.true(Math.abs(far * Math.sqrt(5e6) - 1) < 1e-6);
  });
});

test('the first update of rows of zeros is eta times the plain one', (t) => {
  scope(() => {
    for (const inner of optimizers) {
      const after = (optimizer: typeof inner) => {
        const value = ops.zeros([5, 256], { dtype: 'float32' });
        optimizer.update(value, draw('g'), optimizer.initialize(value), stepOf(1));
        return value;
      };
      const plain = after(inner);
      const gap = ops.sub(after(withRowRates(inner, 2)), ops.mulScalar(plain, 2));
      t.is(item(ops.amax(ops.abs(gap))), 0, inner.name);
      t.true(item(ops.amax(ops.abs(plain))) > 0, inner.name);
    }
  });
});

test('every row changes by its own rate times what the optimizer changes; the state is the same', (t) => {
  scope(() => {
    for (const inner of optimizers) {
      const run = (optimizer: typeof inner) => {
        const value = draw('w');
        const state = optimizer.initialize(value);
        optimizer.update(value, draw('g'), state, stepOf(1));
        return { value, state };
      };
      const plain = run(inner);
      const rated = run(withRowRates(inner, 2));
      const before = draw('w');
      const expected = ops.add(before, ops.mul(ops.sub(plain.value, before), rowRates(before, 2)));
      t.deepEqual(toArray(rated.value), toArray(expected), inner.name);
      for (const [name, one] of Object.entries(plain.state)) {
        t.deepEqual(toArray(rated.state[name] ?? one), toArray(one), name);
      }
    }
  });
});

test('vectors are updated as ever', (t) => {
  scope(() => {
    const after = (optimizer: (typeof optimizers)[0]) => {
      const value = draw('v', [256]);
      optimizer?.update(value, draw('gv', [256]), optimizer.initialize(value), stepOf(1));
      return toArray(value);
    };
    const [inner] = optimizers;
    if (inner !== undefined) t.deepEqual(after(withRowRates(inner, 2)), after(inner));
  });
});

test('several workers keep matrices whole, and rows with them', (t) => {
  t.is(layoutOf(resolveMethod({ preset: 'ALLoRA' })), 'matrices');
  t.is(layoutOf(resolveMethod({ preset: 'LoRA' })), 'slice');
});

test('it leaves the start sooner than LoRA of the same scale, for most of seven seeds', async (t) => {
  const lossAfter = async (rule: 'ALLoRA' | 'None', seed: bigint) => {
    const method = resolveMethod({ preset: 'ALLoRA', rule: { type: rule } });
    const optimizer = optimizerOf(method, 1e-3);
    using training = new Training({ adapter: adapterOf(method, seed, 'float32'), optimizer });
    await train(training.parts, freshState);
    const last = training.ofType('step').at(-1);
    return last?.loss ?? Number.NaN;
  };
  const gains: number[] = [];
  for (let seed = 1n; seed <= 7n; seed += 1n) {
    gains.push((await lossAfter('ALLoRA', seed)) - (await lossAfter('None', seed)));
  }
  t.log(gains.map((gain) => gain.toFixed(4)).join(', '));
  t.true(gains.filter((gain) => gain < 0).length >= 4);
});
