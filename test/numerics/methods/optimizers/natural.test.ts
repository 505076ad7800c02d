// Natural gradients of a subspace against a dense solve, and at the ends of their parameters.
import test from 'ava';
import { adamW } from '../../../../worker/methods/optimizers/adamw.ts';
import { exactSubspaces, galore } from '../../../../worker/methods/optimizers/galore.ts';
import { naturalGradient } from '../../../../worker/methods/optimizers/natural.ts';
import type {
  OptimizerState,
  UpdateStep,
} from '../../../../worker/methods/optimizers/optimizer.ts';
import { sgd } from '../../../../worker/methods/optimizers/sgd.ts';
import type { DType } from '../../../../worker/tensor/dtype.ts';
import * as ops from '../../../../worker/tensor/ops.generated.ts';
import { normal } from '../../../../worker/tensor/rng.ts';
import { scope } from '../../../../worker/tensor/scope.ts';
import { streamOf } from '../../../../worker/tensor/streams.ts';
import { item, type Tensor, toArray, toBytes } from '../../../../worker/tensor/tensor.ts';
import { setThreads } from '../../../../worker/tensor/threads.ts';
import { projectedUpdate } from '../../../builders/projected-update.ts';

const draw = (count: number, dtype: DType = 'float64', size = 1): Tensor =>
  normal([4, 6], size, streamOf(4, 'natural.test', count), dtype);

const stepOf = (count: number, gradientScale = 1): UpdateStep => ({
  ...{ learningRate: 0.1, count, gradientScale, decayed: false },
  stream: streamOf(1, 'natural.test', count),
});

/** `F^-1 g` by the dense matrix of `F`, from the gradients of the history, the newest last. */
function dense(history: readonly Tensor[], damping: number): Tensor {
  const H = ops.stack(history.map((g) => ops.reshape(g, [g.numel])));
  const size = H.shape[1] ?? 0;
  const F = ops.add(ops.mm(ops.t(H), H), ops.eye(size, { dtype: 'float64' }), { alpha: damping });
  const inverse = ops.choleskyInverse(ops.linalgCholesky(F)[0]);
  return ops.reshape(ops.mm(inverse, ops.t(ops.narrow(H, 0, history.length - 1, 1))), [4, 6]);
}

const gapOf = (a: Tensor, b: Tensor): number =>
  item(ops.amax(ops.abs(ops.sub(ops.to(a, 'float64'), ops.to(b, 'float64')))));
const sizeOf = (a: Tensor): number => item(ops.linalgVectorNorm(ops.to(a, 'float64'), 2));
const cosineOf = (a: Tensor, b: Tensor): number =>
  item(ops.sum(ops.mul(a, b))) / (sizeOf(a) * sizeOf(b));

test('it is the inverse of the damped sum of squares of the last gradients, also when the ring is full', (t) => {
  scope(() => {
    const natural = naturalGradient({ history: 3, damping: 0.2 });
    const state = natural.initialize(draw(0));
    const seen: Tensor[] = [];
    for (let count = 1; count <= 8; count += 1) {
      seen.push(ops.mulScalar(draw(count), 0.5));
      const found = natural.change(draw(count), state, stepOf(count, 0.5));
      const gap = gapOf(found, dense(seen.slice(-3), 0.2));
      t.true(gap < 1e-12, `${count}: ${gap}`);
    }
  });
});

test('with a history of one it has the direction of the gradient, and its size over damping and square', (t) => {
  scope(() => {
    const natural = naturalGradient({ history: 1, damping: 0.3 });
    const state = natural.initialize(draw(0));
    for (let count = 1; count <= 3; count += 1) {
      const g = draw(count);
      const found = natural.change(g, state, stepOf(count));
      t.true(Math.abs(cosineOf(found, g) - 1) < 1e-12);
      const expected = sizeOf(g) / (0.3 + sizeOf(g) ** 2);
      t.true(Math.abs(sizeOf(found) / expected - 1) < 1e-12);
    }
  });
});

test('with much damping it has the direction of the gradient, with little it turns away from it', (t) => {
  scope(() => {
    const cosineWith = (damping: number) => {
      const natural = naturalGradient({ history: 8, damping });
      const state = natural.initialize(draw(0));
      // Gradients that share a direction, as in training.
      const common = draw(100);
      const at = (count: number) => ops.add(draw(count), common, { alpha: 3 });
      for (let count = 1; count < 8; count += 1) natural.change(at(count), state, stepOf(count));
      return cosineOf(natural.change(at(8), state, stepOf(8)), at(8));
    };
    t.true(cosineWith(1e9) > 1 - 1e-6);
    t.true(cosineWith(1e-3) < 0.9);
  });
});

test('gradients of every size have a finite one, whose direction float32 and bfloat16 keep', (t) => {
  scope(() => {
    for (const size of [0, 1e-6, 1, 1e4]) {
      const exact = naturalGradient({ history: 4, damping: 1e-3 });
      const of64 = exact.initialize(draw(0));
      const of32 = exact.initialize(draw(0, 'float32'));
      t.is(of32['history']?.dtype, 'bfloat16');
      for (let count = 1; count <= 6; count += 1) {
        // What bfloat16 keeps, for both.
        const g = ops.to(ops.to(draw(count, 'float32', size), 'bfloat16'), 'float32');
        const low = exact.change(g, of32, stepOf(count));
        const high = exact.change(ops.to(g, 'float64'), of64, stepOf(count));
        t.is(low.dtype, 'float32');
        t.true(toArray(low).every(Number.isFinite), `size ${size}, step ${count}`);
        if (size === 0) t.is(sizeOf(low), 0);
        else t.true(cosineOf(ops.to(low, 'float64'), high) > 0.999, `size ${size}, step ${count}`);
      }
    }
  });
});

const plain = sgd({ momentum: 0, weightDecay: 0, masterWeights: 'Float32' });
const projected = { rank: 2, scale: 1, weightDecay: 0, masterWeights: 'Float32' } as const;

test('a choice of directions empties the history', (t) => {
  scope(() => {
    const within = naturalGradient({ history: 8, damping: 1e-3 });
    const optimizer = galore(projected, plain, exactSubspaces(3), 'NaturalGaLore', within);
    const value = draw(50);
    const state = optimizer.initialize(value, { isBlockMatrix: true });
    const rows = (): number => {
      const { history } = state as Required<Pick<OptimizerState, 'history'>>;
      return toArray(ops.amax(ops.abs(history ?? value), [1])).filter((most) => most > 0).length;
    };
    const found: number[] = [];
    for (let count = 1; count <= 7; count += 1) {
      projectedUpdate(optimizer, value, draw(count), state, stepOf(count));
      found.push(rows());
    }
    t.deepEqual(found, [1, 2, 3, 1, 2, 3, 1]);
  });
});

test('tensors without a projection have no history', (t) => {
  scope(() => {
    const within = naturalGradient({ history: 8, damping: 1e-3 });
    const optimizer = galore(projected, plain, exactSubspaces(3), 'NaturalGaLore', within);
    t.deepEqual(Object.keys(optimizer.initialize(draw(0))), Object.keys(plain.initialize(draw(0))));
  });
});

test('an update has the same bits for any number of threads', (t) => {
  const after = (threads: number) =>
    scope(() => {
      setThreads(threads);
      const shape = [300, 900];
      const within = naturalGradient({ history: 6, damping: 1e-3 });
      const adam = {
        ...{ beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 },
        masterWeights: 'Float32',
      } as const;
      const settings = { ...projected, rank: 40 };
      const inner = adamW(adam);
      const optimizer = galore(settings, inner, exactSubspaces(4), 'NaturalGaLore', within);
      const value = normal(shape, 1, streamOf(1, 'value'), 'float32');
      const state = optimizer.initialize(value, { isBlockMatrix: true });
      for (let count = 1; count <= 6; count += 1) {
        const g = normal(shape, 1, streamOf(2, 'g', count), 'float32');
        projectedUpdate(optimizer, value, g, state, stepOf(count));
      }
      return Buffer.from(toBytes(value));
    });
  t.deepEqual(after(1), after(2));
});
