// SM3 of single values against sums for all rows and columns of the dense matrix, and of tensors
// that train whole against AdaGrad.
import test from 'ava';
import type {
  OptimizerState,
  UpdateStep,
} from '../../../../worker/methods/optimizers/optimizer.ts';
import { sm3 } from '../../../../worker/methods/optimizers/sm3.ts';
import type { DType } from '../../../../worker/tensor/dtype.ts';
import * as ops from '../../../../worker/tensor/ops.generated.ts';
import { normal } from '../../../../worker/tensor/rng.ts';
import { scope } from '../../../../worker/tensor/scope.ts';
import { choose, streamOf } from '../../../../worker/tensor/streams.ts';
import { type Tensor, tensor, toArray, toBytes } from '../../../../worker/tensor/tensor.ts';
import { setThreads } from '../../../../worker/tensor/threads.ts';

const settings = { epsilon: 1e-8, weightDecay: 0.1, masterWeights: 'Float32' } as const;

const draw = (name: string, count: number, dtype: DType = 'float64'): Tensor =>
  normal([count], 1, streamOf(3, 'sm3.test', name), dtype);

const drawn = (name: string, count: number, of: number): readonly number[] =>
  choose(count, of, streamOf(3, 'sm3.test', name)).toSorted((a, b) => a - b);

const stepOf = (places?: Tensor, decayed = true): UpdateStep => ({
  ...{ learningRate: 0.1, count: 1, gradientScale: 0.5, decayed },
  stream: streamOf(1, 'none'),
  ...(places && { places }),
});

const [out, inputs, count] = [7, 5, 12];

/** The same in plain numbers, row by row and column by column. */
class Reference {
  readonly rows = new Array<number>(out).fill(0);
  readonly columns = new Array<number>(inputs).fill(0);

  update(w: number[], g: readonly number[], places: readonly number[]): void {
    const sums = places.map((place, k) => {
      const [i, j] = [Math.floor(place / inputs), place % inputs];
      return Math.min(this.rows[i] ?? 0, this.columns[j] ?? 0) + (0.5 * (g[k] ?? 0)) ** 2;
    });
    for (const [k, place] of places.entries()) {
      const [i, j, sum] = [Math.floor(place / inputs), place % inputs, sums[k] ?? 0];
      const change = (0.5 * (g[k] ?? 0)) / Math.sqrt(sum + 1e-8);
      w[k] = (1 - 0.1 * 0.1) * (w[k] ?? 0) - 0.1 * change;
      this.rows[i] = Math.max(this.rows[i] ?? 0, sum);
      this.columns[j] = Math.max(this.columns[j] ?? 0, sum);
    }
  }
}

const near = (found: readonly number[], wanted: readonly number[]) =>
  found.length === wanted.length &&
  found.every((one, i) => Math.abs(one - (wanted[i] ?? Number.NaN)) <= 1e-12);

test('values move by the least of the sums of their row and column, which become the largest of their values', (t) => {
  scope(() => {
    const optimizer = sm3(settings);
    const reference = new Reference();
    const value = draw('w', count);
    const wanted = [...toArray(value)];
    const state = optimizer.initialize(value, { isBlockMatrix: false, within: [out, inputs] });
    t.deepEqual(
      Object.entries(state).map(([name, { shape }]) => [name, shape]),
      [
        ['rows', [out]],
        ['columns', [inputs]],
      ],
    );
    for (let step = 0; step < 9; step += 1) {
      // Places come and go every third step.
      const own = drawn(`places ${Math.floor(step / 3)}`, count, out * inputs);
      const g = draw(`g${step}`, count);
      const values = [...toArray(g)];
      optimizer.update(value, g, state, stepOf(tensor(own, [count], 'int32')));
      reference.update(wanted, values, own);
      t.true(near(toArray(value), wanted), `step ${step}`);
      t.true(near(toArray(state['rows'] as Tensor), reference.rows));
      t.true(near(toArray(state['columns'] as Tensor), reference.columns));
    }
  });
});

test('sums are no less than those of the squares of a value, whatever else is in its row and column', (t) => {
  scope(() => {
    const optimizer = sm3(settings);
    const value = draw('w', count);
    const state = optimizer.initialize(value, { isBlockMatrix: false, within: [out, inputs] });
    const own = drawn('places', count, out * inputs);
    const squares = new Array<number>(count).fill(0);
    for (let step = 0; step < 20; step += 1) {
      const g = draw(`g${step}`, count);
      for (const [k, one] of toArray(g).entries()) squares[k] = (squares[k] ?? 0) + one ** 2 / 4;
      optimizer.update(value, g, state, stepOf(tensor(own, [count], 'int32')));
    }
    const [rows, columns] = ['rows', 'columns'].map((name) => toArray(state[name] as Tensor));
    for (const [k, place] of own.entries()) {
      const sum = Math.min(rows?.[Math.floor(place / inputs)] ?? 0, columns?.[place % inputs] ?? 0);
      t.true(sum >= (squares[k] ?? 0) * (1 - 1e-12));
    }
  });
});

test('a value without gradients stays, and only decay moves it', (t) => {
  scope(() => {
    const optimizer = sm3(settings);
    const value = draw('w', count);
    const before = toArray(value);
    const state = optimizer.initialize(value, { isBlockMatrix: false, within: [out, inputs] });
    const places = tensor(drawn('places', count, out * inputs), [count], 'int32');
    const none = () => ops.zeros([count], { dtype: 'float64' });
    optimizer.update(value, none(), state, stepOf(places, false));
    t.deepEqual(toArray(value), before);
    optimizer.update(value, none(), state, stepOf(places));
    t.true(
      near(
        toArray(value),
        before.map((one) => 0.99 * one),
      ),
    );
  });
});

test('a tensor that trains whole moves as by AdaGrad, whole or in shards', (t) => {
  scope(() => {
    const optimizer = sm3({ ...settings, weightDecay: 0 });
    const whole = draw('w', 6);
    const parts = [ops.clone(ops.narrow(whole, 0, 0, 2)), ops.clone(ops.narrow(whole, 0, 2, 4))];
    const wanted = [...toArray(whole)];
    const squares = new Array<number>(6).fill(0);
    const states: readonly OptimizerState[] = [whole, ...parts].map((one) =>
      optimizer.initialize(one),
    );
    for (let step = 0; step < 5; step += 1) {
      const g = toArray(draw(`g${step}`, 6));
      for (const [i, one] of g.entries()) {
        squares[i] = (squares[i] ?? 0) + (one / 2) ** 2;
        wanted[i] = (wanted[i] ?? 0) - (0.1 * one) / 2 / Math.sqrt((squares[i] ?? 0) + 1e-8);
      }
      const shares = [g, g.slice(0, 2), g.slice(2)];
      for (const [i, value] of [whole, ...parts].entries()) {
        const own = shares[i] ?? [];
        const gradient = tensor(own, [own.length], 'float64');
        optimizer.update(value, gradient, states[i] ?? {}, stepOf());
      }
    }
    t.true(near(toArray(whole), wanted));
    t.deepEqual(parts.flatMap(toArray), toArray(whole));
  });
});

test('an update has the same bits for any number of threads', (t) => {
  const after = (threads: number) =>
    scope(() => {
      setThreads(threads);
      const [rows, columns, places] = [300, 900, 40_000];
      const optimizer = sm3(settings);
      const value = draw('w', places, 'float32');
      const state = optimizer.initialize(value, { isBlockMatrix: false, within: [rows, columns] });
      const own = tensor(drawn('places', places, rows * columns), [places], 'int32');
      for (let step = 0; step < 3; step += 1) {
        optimizer.update(value, draw(`g${step}`, places, 'float32'), state, stepOf(own));
      }
      return [value, ...Object.values(state)].map((one) => Buffer.from(toBytes(one)));
    });
  t.deepEqual(after(1), after(2));
});
