import test from 'ava';
import { adamW } from '../../../../worker/methods/optimizers/adamw.ts';
import {
  adamW8bit,
  blockSize,
  smallestQuantized,
} from '../../../../worker/methods/optimizers/adamw-8bit.ts';
import { dynamicMap } from '../../../../worker/methods/optimizers/dynamic-map.ts';
import type {
  OptimizerState,
  UpdateStep,
} from '../../../../worker/methods/optimizers/optimizer.ts';
import { type DType, dtypeEpsilon } from '../../../../worker/tensor/dtype.ts';
import { liveHandles } from '../../../../worker/tensor/memory.ts';
import * as ops from '../../../../worker/tensor/ops.generated.ts';
import { normal } from '../../../../worker/tensor/rng.ts';
import { scope } from '../../../../worker/tensor/scope.ts';
import { streamOf } from '../../../../worker/tensor/streams.ts';
import { type Tensor, toArray, toBytes } from '../../../../worker/tensor/tensor.ts';
import { setThreads, threads } from '../../../../worker/tensor/threads.ts';

const settings = {
  ...{ beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1 },
  masterWeights: 'Float32',
} as const;
/** The last block is not full. */
const count = smallestQuantized + 3 * blockSize + 77;

const draw = (name: string, dtype: DType, deviation = 1, size = count): Tensor =>
  normal([size], deviation, streamOf(5, 'adamw8bit.test', name), dtype);

function stepOf(number: number): UpdateStep {
  return {
    ...{ learningRate: 1e-2, count: number, gradientScale: 0.5, decayed: true },
    stream: streamOf(1, 'adamw8bit.test', number),
  };
}

interface Plain {
  w: number;
  m: number;
  v: number;
}

/** The rule of adamw.ts for one value, in float64, from what is stored. */
function textbook({ w, m, v }: Plain, g: number, { learningRate, count: t }: UpdateStep): Plain {
  const { beta1, beta2, epsilon, weightDecay } = settings;
  const [m2, v2] = [beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g * g];
  const direction = m2 / (1 - beta1 ** t) / (Math.sqrt(v2 / (1 - beta2 ** t)) + epsilon);
  return { w: w - learningRate * (direction + weightDecay * w), m: m2, v: v2 };
}

/** What the stored codes stand for. */
function decoded(state: OptimizerState, moment: 'm' | 'v'): readonly number[] {
  const map = dynamicMap(moment === 'm' ? 'signed' : 'unsigned');
  const scales = toArray(state[`${moment}_absmax`]!);
  return toArray(state[`${moment}_codes`]!).map(
    (code, i) => (map[code] ?? Number.NaN) * (scales[Math.floor(i / blockSize)] ?? Number.NaN),
  );
}

test('three steps are the textbook, with moments that are stored as the nearest codes', (t) => {
  scope(() => {
    const value = draw('w', 'float32');
    const optimizer = adamW8bit(settings);
    const state = optimizer.initialize(value);
    t.deepEqual(Object.keys(state), ['m_codes', 'm_absmax', 'v_codes', 'v_absmax']);
    for (let number = 1; number <= 3; number += 1) {
      const step = stepOf(number);
      const [w, m, v] = [toArray(value), decoded(state, 'm'), decoded(state, 'v')];
      const gradient = draw(`g${number}`, 'float32', 0.1);
      const g = toArray(gradient);
      optimizer.update(value, gradient, state, step);
      const expected = w.map((each, i) =>
        textbook({ w: each, m: m[i] ?? 0, v: v[i] ?? 0 }, 0.5 * (g[i] ?? 0), step),
      );
      const after = toArray(value);
      // Ten float32 roundings on values of size 5.
      const arithmetic = 10 * 5 * dtypeEpsilon('float32');
      const gap = Math.max(...expected.map((each, i) => Math.abs(each.w - (after[i] ?? 0))));
      t.true(gap <= arithmetic, `step ${number}: ${gap}`);
      isNearest(
        t,
        state,
        'm',
        expected.map((each) => each.m),
      );
      isNearest(
        t,
        state,
        'v',
        expected.map((each) => each.v),
      );
    }
  });
});

/** Each stored value is as near to the exact one as any code of its block could be. */
function isNearest(
  t: { true(actual: boolean, message: string): void },
  state: OptimizerState,
  moment: 'm' | 'v',
  exact: readonly number[],
): void {
  const map = [...dynamicMap(moment === 'm' ? 'signed' : 'unsigned')];
  const scales = toArray(state[`${moment}_absmax`]!);
  const stored = decoded(state, moment);
  for (let block = 0; block * blockSize < exact.length; block += 1) {
    const inBlock = exact.slice(block * blockSize, (block + 1) * blockSize);
    const largest = Math.max(...inBlock.map(Math.abs));
    const scale = scales[block] ?? 0;
    t.true(Math.abs(scale - largest) <= 8 * dtypeEpsilon('float32') * largest, `scale ${block}`);
    for (const [i, x] of inBlock.entries()) {
      const best = Math.min(...map.map((code) => Math.abs(code * scale - x)));
      const gap = Math.abs((stored[block * blockSize + i] ?? Number.NaN) - x);
      // Two codes may be equally near within the rounding of float32.
      t.true(gap <= best + 8 * dtypeEpsilon('float32') * scale, `${moment} ${block}/${i}: ${gap}`);
    }
  }
}

test('small and float64 parameters keep exact moments, as plain AdamW has them', (t) => {
  scope(() => {
    const sizes = [
      { dtype: 'float32', size: smallestQuantized - 1 },
      { dtype: 'float64', size: smallestQuantized },
    ] as const;
    for (const { dtype, size } of sizes) {
      const quantized = adamW8bit(settings);
      const exact = adamW(settings);
      const [a, b] = [draw('w', dtype, 1, size), draw('w', dtype, 1, size)];
      const [stateA, stateB] = [quantized.initialize(a), exact.initialize(b)];
      t.deepEqual(Object.keys(stateA), ['exp_avg', 'exp_avg_sq']);
      for (let number = 1; number <= 2; number += 1) {
        const gradient = draw(`g${number}`, dtype, 1, size);
        quantized.update(a, gradient, stateA, stepOf(number));
        exact.update(b, gradient, stateB, stepOf(number));
      }
      t.deepEqual(toBytes(a), toBytes(b));
    }
  });
});

test('a parameter takes two bytes of moments a value, and the scales', (t) => {
  scope(() => {
    const state = adamW8bit(settings).initialize(draw('w', 'float32'));
    const bytes = Object.values(state).reduce((sum, each) => sum + toBytes(each).length, 0);
    t.is(bytes, 2 * count + 2 * 4 * Math.ceil(count / blockSize));
  });
});

test('a bfloat16 parameter follows its master, or is rounded stochastically', (t) => {
  scope(() => {
    const masterWeights = adamW8bit(settings);
    const value = draw('w', 'bfloat16');
    const exact = ops.to(value, 'float32');
    const [state, exactState] = [masterWeights.initialize(value), masterWeights.initialize(exact)];
    t.true('master' in state);
    const gradient = draw('g', 'bfloat16', 0.1);
    masterWeights.update(value, gradient, state, stepOf(1));
    masterWeights.update(exact, ops.to(gradient, 'float32'), exactState, stepOf(1));
    t.deepEqual(toBytes(value), toBytes(ops.to(exact, 'bfloat16')));

    const chance = adamW8bit({ ...settings, masterWeights: 'StochasticRounding' });
    const rounded = draw('w', 'bfloat16');
    const chanceState = chance.initialize(rounded);
    t.false('master' in chanceState);
    chance.update(rounded, gradient, chanceState, stepOf(1));
    const [near, wide] = [toArray(rounded), toArray(exact)];
    const gaps = near.map((x, i) => x - (wide[i] ?? 0));
    // One unit of bfloat16 at most, either way, and zero on average: five deviations of the mean.
    t.true(gaps.every((gap, i) => Math.abs(gap) <= 2 ** -7 * Math.abs(wide[i] ?? 0) + 1e-30));
    const mean = gaps.reduce((sum, gap) => sum + gap, 0) / count;
    const square = gaps.reduce((sum, gap) => sum + gap * gap, 0) / count;
    t.true(Math.abs(mean) <= 5 * Math.sqrt(square / count), `${mean}`);
  });
});

test('any number of threads gives the same bits', (t) => {
  const before = threads();
  t.teardown(() => setThreads(before));
  const bits = [1, 3].map((many) => {
    setThreads(many);
    return scope(() => {
      const optimizer = adamW8bit({ ...settings, masterWeights: 'StochasticRounding' });
      const value = draw('w', 'bfloat16');
      const state = optimizer.initialize(value);
      for (let number = 1; number <= 3; number += 1) {
        optimizer.update(value, draw(`g${number}`, 'float32'), state, stepOf(number));
      }
      return [value, ...Object.values(state)].map((each) => Buffer.from(toBytes(each)));
    });
  });
  t.deepEqual(bits[0], bits[1]);
});

test('with 8 bits a bowl is walked down as with 32', (t) => {
  const distanceLeft = (optimizer: ReturnType<typeof adamW>): number =>
    scope(() => {
      const value = draw('w', 'float32');
      const state = optimizer.initialize(value);
      for (let number = 1; number <= 200; number += 1) {
        scope(() => optimizer.update(value, ops.toCopy(value, {}), state, stepOf(number)));
      }
      return Math.sqrt(toArray(value).reduce((sum, x) => sum + x * x, 0) / count);
    });
  const [exact, quantized] = [distanceLeft(adamW(settings)), distanceLeft(adamW8bit(settings))];
  // Both take steps of the size of the learning rate, 0.01, and begin at 1.
  t.true(exact < 0.1, `${exact}`);
  t.true(quantized < 0.1 + 0.01, `${quantized}`);
});

test('an update leaves no tensor behind', (t) => {
  scope(() => {
    const optimizer = adamW8bit(settings);
    const value = draw('w', 'bfloat16');
    const gradient = draw('g', 'bfloat16');
    const state = optimizer.initialize(value);
    const before = liveHandles();
    optimizer.update(value, gradient, state, stepOf(1));
    t.is(liveHandles(), before);
  });
});
