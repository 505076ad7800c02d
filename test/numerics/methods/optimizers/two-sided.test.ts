// Projection of both sides: bases against an SVD, products against whole gradients, and the update
// of Natural GaLore against one that is written with dense matrices.
import test from 'ava';
import { adamW } from '../../../../worker/methods/optimizers/adamw.ts';
import { exactSubspaces, galore } from '../../../../worker/methods/optimizers/galore.ts';
import { naturalGradient } from '../../../../worker/methods/optimizers/natural.ts';
import type {
  Optimizer,
  OptimizerState,
  UpdateStep,
} from '../../../../worker/methods/optimizers/optimizer.ts';
import { topSubspace } from '../../../../worker/methods/optimizers/subspace.ts';
import { twoSided } from '../../../../worker/methods/optimizers/two-sided.ts';
import type { DType } from '../../../../worker/tensor/dtype.ts';
import * as ops from '../../../../worker/tensor/ops.generated.ts';
import { normal } from '../../../../worker/tensor/rng.ts';
import { scope } from '../../../../worker/tensor/scope.ts';
import { streamOf } from '../../../../worker/tensor/streams.ts';
import { item, type Tensor, toArray, toBytes } from '../../../../worker/tensor/tensor.ts';
import { setThreads } from '../../../../worker/tensor/threads.ts';
import { projectedUpdate } from '../../../builders/projected-update.ts';

const draw = (name: string, shape: readonly number[], dtype: DType = 'float64'): Tensor =>
  normal(shape, 1, streamOf(6, 'two-sided.test', name), dtype);

const largest = (a: Tensor): number => item(ops.amax(ops.abs(a)));
const product = (...all: readonly Tensor[]): Tensor => all.reduce((a, b) => ops.mm(a, b));
const identity = (size: number): Tensor => ops.eye(size, { dtype: 'float64' });

const shapes = [
  [12, 7],
  [7, 12],
  [9, 9],
] as const;

/** L `[O, r]` and R `[I, r]` of a state. */
function basesOf(shape: readonly number[], { basis, other_basis: other }: OptimizerState) {
  if (basis === undefined || other === undefined) throw new Error('no bases');
  const [out = 0, inputs = 0] = shape;
  return out >= inputs ? { L: other, R: basis } : { L: basis, R: other };
}

test('bases are those of the largest singular values of both sides', (t) => {
  for (const shape of shapes) {
    scope(() => {
      const G = draw(`g${shape}`, shape);
      const state = {
        basis: topSubspace(G, 4),
        ...twoSided.initialize(shape, 4, 'float64'),
      };
      twoSided.choose(G, state.basis, state);
      const { L, R } = basesOf(shape, state);
      for (const one of [L, R])
        t.true(largest(ops.sub(product(ops.t(one), one), identity(4))) < 1e-12);
      // Of an SVD they are the singular vectors, so that low is the diagonal of its values.
      const [, values] = ops.linalgSvd(G);
      const low = twoSided.into(G, state.basis, state);
      t.deepEqual(low.shape, twoSided.lowShape(shape, 4));
      const wanted = ops.diag(ops.narrow(values, 0, 0, 4));
      t.true(largest(ops.sub(low, wanted)) < 1e-9, `${shape}`);
      t.true(largest(ops.sub(low, product(ops.t(L), G, R))) < 1e-12);
      // What would be rounding beside them is none.
      t.deepEqual(
        toArray(low).map((value) => value !== 0),
        toArray(identity(4)).map((value) => value !== 0),
      );
    });
  }
});

test('a gradient of low rank keeps orthonormal bases, and all of it', (t) => {
  for (const shape of shapes) {
    scope(() => {
      const G = product(draw('left', [shape[0], 2]), draw('right', [2, shape[1]]));
      const state = { basis: topSubspace(G, 4), ...twoSided.initialize(shape, 4, 'float64') };
      twoSided.choose(G, state.basis, state);
      const { L, R } = basesOf(shape, state);
      for (const one of [L, R])
        t.true(largest(ops.sub(product(ops.t(one), one), identity(4))) < 1e-12);
      const low = twoSided.into(G, state.basis, state);
      t.true(largest(ops.sub(product(L, low, ops.t(R)), G)) < 1e-9);
    });
  }
});

test('the product of factors is that of the whole gradient, and goes back as one of two factors', (t) => {
  for (const shape of shapes) {
    scope(() => {
      const [dy, x] = [draw('dy', [5, shape[0]]), draw('x', [5, shape[1]])];
      const G = product(ops.t(dy), x);
      const start = draw('start', shape);
      const state = { basis: topSubspace(start, 3), ...twoSided.initialize(shape, 3, 'float64') };
      twoSided.choose(start, state.basis, state);
      const low = twoSided.into(G, state.basis, state);
      t.true(largest(ops.sub(twoSided.product(dy, x, state.basis, state), low)) < 1e-12);
      const { L, R } = basesOf(shape, state);
      const { left, right } = twoSided.from(low, state.basis, state, shape);
      t.deepEqual([left.shape[1], right.shape[0]], [3, 3]);
      t.true(largest(ops.sub(product(left, right), product(L, low, ops.t(R)))) < 1e-12);
    });
  }
});

const adam = { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0.1 } as const;
const settings = { rank: 3, scale: 0.25, weightDecay: 0.1, masterWeights: 'Float32' } as const;
const [history, damping] = [4, 0.2];

function naturalGalore(refreshSteps: number): Optimizer {
  return galore(
    { ...settings, frame: twoSided },
    adamW({ ...adam, masterWeights: 'Float32' }),
    exactSubspaces(refreshSteps),
    'NaturalGaLore',
    naturalGradient({ history, damping }),
  );
}

const stepOf = (count: number): UpdateStep => ({
  ...{ learningRate: 0.1, count, gradientScale: 0.5, decayed: true },
  stream: streamOf(1, 'two-sided.test', count),
});

test('state of a matrix has the size of the rank on both sides', (t) => {
  scope(() => {
    const state = naturalGalore(5).initialize(draw('w', [12, 7]), { isBlockMatrix: true });
    t.deepEqual(Object.fromEntries(Object.entries(state).map(([name, one]) => [name, one.shape])), {
      exp_avg: [3, 3],
      exp_avg_sq: [3, 3],
      history: [4, 9],
      products: [4, 4],
      basis: [7, 3],
      other_basis: [12, 3],
    });
  });
});

for (const shape of shapes) {
  test(`an update is that of dense matrices, through a second choice of bases: ${shape}`, (t) => {
    scope(() => {
      const optimizer = naturalGalore(5);
      const value = draw('w', shape);
      const state = optimizer.initialize(value, { isBlockMatrix: true });
      const wanted = ops.clone(value);
      let seen: Tensor[] = [];
      let [m, v] = [
        ops.zeros([9, 1], { dtype: 'float64' }),
        ops.zeros([9, 1], { dtype: 'float64' }),
      ];
      for (let count = 1; count <= 8; count += 1) {
        const G = draw(`g${count}`, shape);
        projectedUpdate(optimizer, value, ops.clone(G), state, stepOf(count));
        const { L, R } = basesOf(shape, state);
        if ((count - 1) % 5 === 0) seen = [];
        seen = [...seen, ops.reshape(ops.mulScalar(product(ops.t(L), G, R), 0.5), [9, 1])];
        const H = ops.cat(seen.slice(-history), 1);
        const F = ops.add(product(H, ops.t(H)), identity(9), { alpha: damping });
        const inverse = ops.choleskyInverse(ops.linalgCholesky(F)[0]);
        const g = product(inverse, seen.at(-1) as Tensor);
        m = ops.add(ops.mulScalar(m, 0.9), g, { alpha: 0.1 });
        v = ops.add(ops.mulScalar(v, 0.99), ops.square(g), { alpha: 0.01 });
        const size = ops.addScalar(ops.sqrt(ops.divScalar(v, 1 - 0.99 ** count)), adam.epsilon);
        const change = ops.div(ops.divScalar(m, 1 - 0.9 ** count), size);
        const back = product(L, ops.reshape(change, [3, 3]), ops.t(R));
        ops.sub_(wanted, ops.mulScalar(back, 0.1 * settings.scale));
        ops.mulScalar_(wanted, 1 - 0.1 * settings.weightDecay);
        const gap = largest(ops.sub(value, wanted));
        t.true(gap < 1e-10, `${count}: ${gap}`);
      }
    });
  });
}

test('an update has the same bits for any number of threads', (t) => {
  const after = (threads: number) =>
    scope(() => {
      setThreads(threads);
      const optimizer = galore(
        { ...settings, rank: 40, frame: twoSided },
        adamW({ ...adam, masterWeights: 'Float32' }),
        exactSubspaces(3),
        'NaturalGaLore',
        naturalGradient({ history, damping }),
      );
      const value = draw('w', [300, 900], 'float32');
      const state = optimizer.initialize(value, { isBlockMatrix: true });
      for (let count = 1; count <= 5; count += 1) {
        const G = draw(`g${count}`, [300, 900], 'float32');
        projectedUpdate(optimizer, value, G, state, stepOf(count));
      }
      return Buffer.from(toBytes(value));
    });
  t.deepEqual(after(1), after(2));
});
