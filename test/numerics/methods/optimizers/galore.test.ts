// GaLore against the optimizers that it must be equal to where the subspace is the whole space, and
// against itself where it must not matter how a gradient came about. Float64, so that a difference
// is a mistake.
import test from 'ava';
import { adamW } from '../../../../worker/methods/optimizers/adamw.ts';
import { adamW8bit } from '../../../../worker/methods/optimizers/adamw-8bit.ts';
import {
  exactSubspaces,
  type GaloreSettings,
  galore as projected,
} from '../../../../worker/methods/optimizers/galore.ts';
import type { Optimizer } from '../../../../worker/methods/optimizers/optimizer.ts';
import { sgd } from '../../../../worker/methods/optimizers/sgd.ts';
import { topSubspace } from '../../../../worker/methods/optimizers/subspace.ts';
import type { DType } from '../../../../worker/tensor/dtype.ts';
import { liveHandles, memoryStatistics } from '../../../../worker/tensor/memory.ts';
import * as ops from '../../../../worker/tensor/ops.generated.ts';
import { normal } from '../../../../worker/tensor/rng.ts';
import { scope } from '../../../../worker/tensor/scope.ts';
import { streamOf } from '../../../../worker/tensor/streams.ts';
import { item, type Tensor, toArray } from '../../../../worker/tensor/tensor.ts';
import { setThreads } from '../../../../worker/tensor/threads.ts';
import { projectedUpdate } from '../../../builders/projected-update.ts';

test.before(() => setThreads(1));

const adam = {
  ...{ beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 },
  masterWeights: 'Float32',
} as const;
interface Options extends GaloreSettings {
  readonly refreshSteps: number;
  readonly find?: typeof topSubspace;
}
const whole: Options = {
  ...{ rank: 1000, scale: 1, refreshSteps: 3, weightDecay: 0, masterWeights: 'Float32' },
};
const galore = ({ refreshSteps, find, ...settings }: Options, inner: Optimizer): Optimizer =>
  projected(settings, inner, exactSubspaces(refreshSteps, find));
const steps = 8;
const learningRate = 0.01;
const shapes = [
  [10, 6],
  [6, 10],
  [7, 7],
] as const;

const draw = (shape: readonly number[], name: string, dtype: DType = 'float64'): Tensor =>
  normal(shape, 1, streamOf(4, 'galore.test', name), dtype);

const stepOf = (count: number, more: object = {}) => ({
  ...{ learningRate, count, gradientScale: 0.5, decayed: true },
  stream: streamOf(1, 'galore.test', count),
  ...more,
});

/** The value after some steps on the same gradients. */
function after(optimizer: Optimizer, shape: readonly number[], dtype: DType = 'float64'): Tensor {
  return scope(() => {
    const value = draw(shape, 'w', dtype);
    const state = optimizer.initialize(value, { isBlockMatrix: true });
    for (let s = 1; s <= steps; s += 1) {
      projectedUpdate(optimizer, value, draw(shape, `g${s}`, dtype), state, stepOf(s));
    }
    return value;
  });
}

const gapOf = (a: Tensor, b: Tensor): number =>
  item(ops.amax(ops.abs(ops.sub(ops.to(a, 'float64'), ops.to(b, 'float64')))));

const identity: Options['find'] = (gradient, rank) => ops.eye(rank, { dtype: gradient.dtype });

/** Eight steps on values of size up to 4: a last digit each. */
const lastDigits = steps * 4 * 2 ** -52;

test('with the identity as basis it is the optimizer inside, to the last digit', (t) => {
  scope(() => {
    for (const shape of shapes) {
      for (const inner of [
        adamW(adam),
        sgd({ momentum: 0.9, weightDecay: 0, masterWeights: 'Float32' }),
      ]) {
        const low = galore({ ...whole, find: identity }, inner);
        const gap = gapOf(after(low, shape), after(inner, shape));
        t.true(gap <= lastDigits, `${shape} ${inner.name}: ${gap}`);
      }
    }
  });
});

test('in the whole space plain descent does not see the basis, however often it changes', (t) => {
  scope(() => {
    const inner = sgd({ momentum: 0, weightDecay: 0, masterWeights: 'Float32' });
    for (const shape of shapes) {
      for (const refreshSteps of [1, 3, 100]) {
        const low = galore({ ...whole, refreshSteps }, inner);
        const gap = gapOf(after(low, shape), after(inner, shape));
        t.true(gap <= 10 * lastDigits, `${shape} ${refreshSteps}: ${gap}`);
      }
    }
  });
});

test('in the whole space momentum does not see a basis that stays; Adam does, and momentum one that changes', (t) => {
  scope(() => {
    const momentum = sgd({ momentum: 0.9, weightDecay: 0, masterWeights: 'Float32' });
    const gapAt = (inner: Optimizer, refreshSteps: number) =>
      gapOf(after(galore({ ...whole, refreshSteps }, inner), shapes[0]), after(inner, shapes[0]));
    t.true(gapAt(momentum, 100) <= 10 * lastDigits);
    // Old means are read in the new basis.
    t.true(gapAt(momentum, 3) > 1e-4);
    // Adam divides number by number, so its steps depend on the axes.
    t.true(gapAt(adamW(adam), 100) > 1e-3);
  });
});

test('a refresh comes with the first update of a state and every so many after it', (t) => {
  scope(() => {
    const found: number[] = [];
    let at = 0;
    const find: Options['find'] = (gradient, rank) => {
      found.push(at);
      return topSubspace(gradient, rank);
    };
    const optimizer = galore({ ...whole, rank: 2, refreshSteps: 4, find }, adamW(adam));
    const value = draw([10, 6], 'w');
    const state = optimizer.initialize(value, { isBlockMatrix: true });
    for (at = 1; at <= 10; at += 1) {
      projectedUpdate(optimizer, value, draw([10, 6], `g${at}`), state, stepOf(at));
    }
    t.deepEqual(found, [1, 5, 9]);
  });
});

test('a change lies in the subspace of the gradient, times the scale', (t) => {
  scope(() => {
    const moved = (scale: number, rank: number | undefined) => {
      const optimizer = galore({ ...whole, scale, rank, refreshSteps: 100 }, adamW(adam));
      const value = draw([12, 8], 'w');
      const before = ops.clone(value);
      const state = optimizer.initialize(value, { isBlockMatrix: true });
      projectedUpdate(optimizer, value, draw([12, 8], 'g1'), state, stepOf(1));
      return ops.sub(value, before);
    };
    const change = moved(1, undefined);
    const [, values] = ops.linalgSvd(change, false);
    const spectrum = toArray(values);
    t.true((spectrum[1] ?? 0) > 1e-3 && (spectrum[2] ?? 1) < 1e-14, 'a quarter of 8 is 2');
    t.true(gapOf(moved(0.25, undefined), ops.mulScalar(change, 0.25)) <= 4 * 2 ** -52);
    t.is(moved(1, 3).shape.length, 2);
  });
});

test('what is no matrix of a block goes through the optimizer inside as it is', (t) => {
  scope(() => {
    const optimizer = galore({ ...whole, rank: 2, scale: 0.1 }, adamW(adam));
    const plain = adamW(adam);
    const both = [optimizer, plain].map((one) => {
      const value = draw([10, 6], 'w');
      const state = one.initialize(value, { isBlockMatrix: false });
      projectedUpdate(one, value, draw([10, 6], 'g'), state, stepOf(1));
      t.deepEqual(Object.keys(state).sort(), ['exp_avg', 'exp_avg_sq']);
      return toArray(value);
    });
    t.deepEqual(both[0], both[1]);
  });
});

test('state has the size of the subspace: means of low, a basis, a master where there is none', (t) => {
  scope(() => {
    const state = (dtype: DType, masterWeights: 'Float32' | 'StochasticRounding') => {
      const settings = { ...whole, rank: 3, masterWeights };
      const inner = adamW({ ...adam, masterWeights });
      const made = galore(settings, inner).initialize(draw([10, 6], 'w', dtype), {
        isBlockMatrix: true,
      });
      return Object.fromEntries(Object.entries(made).map(([key, { shape }]) => [key, shape]));
    };
    const low = { exp_avg: [10, 3], exp_avg_sq: [10, 3], basis: [6, 3] };
    t.deepEqual(state('float32', 'Float32'), low);
    t.deepEqual(state('bfloat16', 'StochasticRounding'), low);
    t.deepEqual(state('bfloat16', 'Float32'), { ...low, master: [10, 6] });
  });
});

test('decay takes its share of the weight after the update, and of matrices alone', (t) => {
  scope(() => {
    const weightDecay = 0.3;
    const inner = adamW({ ...adam, weightDecay });
    const value = draw([10, 6], 'w');
    const free = draw([10, 6], 'w');
    const decayed = galore({ ...whole, rank: 2, weightDecay }, inner);
    const plain = galore({ ...whole, rank: 2 }, adamW(adam));
    for (const [optimizer, one] of [
      [decayed, value],
      [plain, free],
    ] as const) {
      const state = optimizer.initialize(one, { isBlockMatrix: true });
      projectedUpdate(optimizer, one, draw([10, 6], 'g'), state, stepOf(1));
    }
    t.true(gapOf(value, ops.mulScalar(free, 1 - learningRate * weightDecay)) <= lastDigits);
  });
});

test('moments in 8 bits follow moments in float32 as closely as their codes', (t) => {
  scope(() => {
    // 600 by 8 values of a subspace: enough to be quantised.
    const shape = [600, 32];
    const settings = { ...whole, rank: 8, refreshSteps: 100 };
    const exact = after(galore(settings, adamW(adam)), shape, 'float32');
    const coded = after(galore(settings, adamW8bit(adam)), shape, 'float32');
    const moved = gapOf(exact, draw(shape, 'w', 'float32'));
    const gap = gapOf(exact, coded);
    t.true(gap > 0 && gap < 0.2 * moved, `${gap} of ${moved}`);
  });
});

test('bfloat16 weights that are rounded stochastically move by the mean of the exact change', (t) => {
  scope(() => {
    const settings = { ...whole, rank: 4, masterWeights: 'StochasticRounding' } as const;
    const optimizer = galore(settings, adamW({ ...adam, masterWeights: 'StochasticRounding' }));
    const shape = [64, 64];
    const gradient = draw(shape, 'g', 'float32');
    const change = (dtype: DType, round: number): Tensor => {
      // Half a step of bfloat16 at 1 is 0.002: the change is below it.
      const value = ops.full(shape, 1, { dtype });
      const state = optimizer.initialize(value, { isBlockMatrix: true });
      const stream = streamOf(1, 'chance', round);
      projectedUpdate(optimizer, value, gradient, state, stepOf(1, { stream, learningRate: 1e-3 }));
      return ops.subScalar(ops.to(value, 'float64'), 1);
    };
    const exact = change('float32', 0);
    const rounds = 400;
    const sum = ops.zeros(shape, { dtype: 'float64' });
    for (let round = 0; round < rounds; round += 1) {
      scope(() => ops.add_(sum, change('bfloat16', round)));
    }
    const mean = ops.divScalar(sum, rounds);
    // A step of bfloat16 is 2^-7 above 1 and 2^-8 below; the mean of 400 draws, over 4096 elements.
    const allowed = (5 * 2 ** -7) / (2 * Math.sqrt(rounds));
    t.true(gapOf(mean, exact) <= allowed, `${gapOf(mean, exact)}`);
    const overall = Math.abs(item(ops.mean(ops.sub(mean, exact))));
    t.true(overall <= allowed / 64, `${overall}`);
  });
});

test('an update leaves nothing behind but the state', (t) => {
  scope(() => {
    const optimizer = galore({ ...whole, rank: 2 }, adamW(adam));
    const value = draw([10, 6], 'w');
    const gradient = draw([10, 6], 'g');
    const state = optimizer.initialize(value, { isBlockMatrix: true });
    const step = stepOf(1);
    const before = liveHandles();
    projectedUpdate(optimizer, value, gradient, state, step);
    t.is(liveHandles(), before);
  });
});

test('a step that chose directions gives back what only that needed, and no other step does', (t) => {
  scope(() => {
    const value = draw([300, 200], 'w', 'float32');
    const optimizer = galore({ ...whole, rank: 50, refreshSteps: 2 }, adamW(adam));
    const state = optimizer.initialize(value, { isBlockMatrix: true });
    const given = [1, 2, 3].map((count) => {
      projectedUpdate(
        optimizer,
        value,
        draw(value.shape, `g${count}`, 'float32'),
        state,
        stepOf(count),
      );
      const before = memoryStatistics().fileBytes;
      optimizer.endStep?.();
      return before - memoryStatistics().fileBytes > 2 ** 20;
    });
    t.deepEqual(given, process.platform === 'linux' ? [true, false, true] : [false, false, false]);
  });
});

test('no directions are chosen of a gradient that is not finite', (t) => {
  scope(() => {
    const optimizer = galore({ ...whole, rank: 2 }, adamW(adam));
    const state = optimizer.initialize(draw([10, 6], 'w'), { isBlockMatrix: true });
    for (const spoiler of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const gradient = draw([10, 6], 'g');
      ops.fill_(ops.narrow(gradient, 0, 3, 1), spoiler);
      t.is(optimizer.projection?.project(gradient, state, 0), null);
      t.true(toArray(state['basis']!).every((value) => value === 0));
    }
  });
});
