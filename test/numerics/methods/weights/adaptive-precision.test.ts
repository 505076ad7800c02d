// AdaPT: formats in fixed point that follow the weights and their gradients. Decisions are compared
// with what their definitions say; what they read with loops over single values.
import test from 'ava';
import { freshState } from '../../../../worker/checkpoint/trainer-state.ts';
import {
  adaptiveOf,
  firstFormats,
  meanBits,
  switches,
} from '../../../../worker/engine/adaptive-formats.ts';
import { sketch, sketchSize } from '../../../../worker/engine/gradient-sketches.ts';
import { weightOnGrid } from '../../../../worker/engine/on-grid.ts';
import type { HostSequence } from '../../../../worker/engine/packed-sequence.ts';
import { histogramsOf } from '../../../../worker/engine/weight-histograms.ts';
import { sgd } from '../../../../worker/methods/optimizers/sgd.ts';
import { adaptiveGrid } from '../../../../worker/methods/weights/adaptive-grid.ts';
import {
  type AdaptSettings,
  type AdaptState,
  decided,
  diversityOf,
  firstPrecision,
  nextWindow,
  pushDown,
  pushUp,
  seen,
  withLoss,
} from '../../../../worker/methods/weights/adaptive-precision.ts';
import {
  type FixedPoint,
  nearest,
  stochastic,
} from '../../../../worker/methods/weights/fixed-point.ts';
import {
  countedExponents,
  countedHalves,
  divergence,
  type Histogram,
  magnitude,
  rangeOf,
  resolutionOfAll,
} from '../../../../worker/methods/weights/histogram.ts';
import * as ops from '../../../../worker/tensor/ops.generated.ts';
import { normal, uniform } from '../../../../worker/tensor/rng.ts';
import { scope } from '../../../../worker/tensor/scope.ts';
import { streamOf } from '../../../../worker/tensor/streams.ts';
import { item, type Tensor, tensor, toArray } from '../../../../worker/tensor/tensor.ts';
import { setThreads } from '../../../../worker/tensor/threads.ts';
import { train } from '../../../../worker/train/loop.ts';
import { countUp, Training, type TrainingOptions } from '../../../builders/toy-training.ts';
import { aSequence } from '../../../builders/training.ts';

const settings: AdaptSettings = {
  ...{ strategy: 'Min', tolerance: 1e-4, guardBits: 1, minBits: 2 },
  ...{ minLookback: 2, maxLookback: 4 },
};

function histogramOf(values: Tensor, resolution: number): Histogram {
  const range = rangeOf(item(magnitude(values)));
  const counts = ops.to(countedHalves(values, range, resolution), 'float64');
  return { range, resolution, halves: toArray(counts) };
}

/** Intervals of the bulk, as layers have them. */
function bulkOf(values: Tensor, resolution: number): Histogram {
  const range = rangeOf(item(magnitude(values)));
  const counts = toArray(ops.to(countedExponents(values, resolution), 'float64'));
  return histogramOf(values, resolutionOfAll([...counts], range, resolution));
}

test('rounding to the nearest is that of loops, cut off at both ends', (t) => {
  scope(() => {
    const w = normal([4000], 1, streamOf(1n, 'w'));
    for (const format of [
      { bits: 4, fraction: 2 },
      { bits: 2, fraction: -1 },
      { bits: 9, fraction: 7 },
    ]) {
      const half = 2 ** (format.bits - 1);
      const expected = toArray(w).map((value) => {
        const n = Math.floor(value * 2 ** format.fraction + 0.5);
        return Math.min(half - 1, Math.max(-half, n)) * 2 ** -format.fraction;
      });
      // Zero is one number.
      t.deepEqual(
        [...toArray(nearest(w, format))].map((x) => x + 0),
        [...expected].map((x) => x + 0),
      );
    }
    t.is(nearest(w, { bits: 32, fraction: 32 }), w);
    t.is(stochastic(w, { bits: 32, fraction: 32 }, streamOf(1n, 'x')), w);
  });
});

test('stochastic rounding takes a neighbour, and the value in the mean', (t) => {
  scope(() => {
    const format = { bits: 8, fraction: 3 };
    const w = ops.mulScalar(uniform([200], -1, 1, streamOf(2n, 'w'), 'float64'), 3);
    const sum = ops.zeros([200], { dtype: 'float64' });
    const count = 4000;
    for (let i = 0; i < count; i += 1) {
      scope(() => {
        const rounded = stochastic(w, format, streamOf(2n, 'round', i));
        const off = ops.mulScalar(ops.sub(rounded, w), 8);
        t.true(item(ops.amax(ops.abs(off))) < 1);
        ops.add_(sum, off);
      });
    }
    // The deviation of a mean is half a step over the root of the count at most: six of them.
    t.true(item(magnitude(ops.divScalar(sum, count))) < (6 * 0.5) / Math.sqrt(count));
    const exact = nearest(w, format);
    t.deepEqual(toArray(stochastic(exact, format, streamOf(3n, 'x'))), toArray(exact));
  });
});

test('ranges are the least powers of two', (t) => {
  for (const [magnitudeOf, range] of [
    [1, 0],
    [1.001, 1],
    [0.5, -1],
    [0.26, -1],
    [2 ** -9, -9],
    [0, 0],
  ] as const) {
    t.is(rangeOf(magnitudeOf), range);
  }
});

test('the divergence is that of histograms of the rounded values themselves', (t) => {
  scope(() => {
    const w = normal([5000], 0.02, streamOf(4n, 'w'), 'float64');
    const resolution = 6;
    const histogram = histogramOf(w, resolution);
    const intervals = (values: readonly number[]) => {
      const counts = new Map<number, number>();
      for (const value of values) {
        const interval = Math.floor(value * 2 ** (resolution - 1 - histogram.range) + 0.5);
        counts.set(interval, (counts.get(interval) ?? 0) + 1);
      }
      return counts;
    };
    const before = intervals([...toArray(w)]);
    const finest = resolution - 1 - histogram.range;
    for (const format of [
      { bits: 7, fraction: finest },
      { bits: 5, fraction: finest },
      { bits: 6, fraction: finest - 1 },
      { bits: 3, fraction: finest - 2 },
    ]) {
      let expected = 0;
      for (const [interval, count] of intervals([...toArray(nearest(w, format))])) {
        expected += (count / 5000) * Math.log(count / (before.get(interval) ?? 0));
      }
      const found = divergence(histogram, format);
      t.true(found >= 0);
      t.true(found === expected || Math.abs(found - expected) < 1e-12, `${found} ${expected}`);
    }
  });
});

test('values in fixed point get their own format without a tolerance', (t) => {
  scope(() => {
    for (const bits of [2, 3, 4, 5, 6, 7, 8]) {
      for (const fraction of [-2, 0, 5, 12]) {
        const w = normal([20_000], 2 ** (bits - fraction - 2), streamOf(5n, 'w', bits, fraction));
        const own = nearest(w, { bits, fraction });
        t.deepEqual(pushDown(histogramOf(own, 8), 0), { bits, fraction });
      }
    }
  });
});

test('pushing down what was pushed down changes nothing', (t) => {
  scope(() => {
    for (const std of [0.02, 0.1, 1, 8]) {
      for (const resolution of [6, 7, 8]) {
        const w = normal([30_000], std, streamOf(6n, 'w'));
        // Of a distribution with long tails bits are cut off.
        for (const values of [w, ops.mul(w, ops.mul(w, w))]) {
          for (const histogram of [histogramOf, bulkOf]) {
            const format = pushDown(histogram(values, resolution), settings.tolerance);
            const again = pushDown(
              histogram(nearest(values, format), resolution),
              settings.tolerance,
            );
            t.deepEqual(again, format);
          }
        }
      }
    }
  });
});

test('outliers get more intervals, and do not widen those of the bulk', (t) => {
  scope(() => {
    const w = normal([30_000], 0.02, streamOf(12n, 'w'));
    const plain = bulkOf(w, 6);
    ops.mulScalar_(ops.narrow(w, 0, 0, 30), 30);
    const wide = bulkOf(w, 6);
    t.true(wide.range > plain.range);
    t.is(wide.resolution - wide.range, plain.resolution - plain.range);
    // 99 % are within 2.58 deviations, 0.0516 of 0.0625: 32 intervals on each side.
    t.is(pushDown(plain, 0).fraction, 9);
    t.is(pushDown(wide, 0).fraction, 9);
    t.true(pushDown(wide, 0).bits > pushDown(plain, 0).bits);
  });
});

test('a tolerance takes bits away, never adds one', (t) => {
  scope(() => {
    const w = normal([30_000], 1, streamOf(7n, 'w'));
    const histogram = histogramOf(ops.mul(w, ops.mul(w, w)), 7);
    const bits = [0, 1e-4, 1e-3, 1e-2, 0.1].map((tolerance) => pushDown(histogram, tolerance).bits);
    t.deepEqual(
      bits,
      [...bits].sort((a, b) => b - a),
    );
    t.true((bits[4] ?? 0) < (bits[0] ?? 0));
  });
});

test('diversity is 1 for gradients that are alike and the root of the count for independent ones', (t) => {
  scope(() => {
    const signs = ops.sign(normal([2 ** 20], 1, streamOf(8n, 'signs')));
    const sketchOf = (name: number) => [
      ...toArray(sketch(normal([300, 200], 1, streamOf(8n, 'g', name)), 0, signs)),
    ];
    const first = firstPrecision(settings);
    const window = (names: readonly number[]) =>
      names.reduce((layer, name) => seen(layer, sketchOf(name)), first);
    t.is(diversityOf(first), 1);
    t.true(Math.abs(diversityOf(window([1, 1, 1, 1, 1])) - 1) < 1e-12);
    const count = 25;
    const found = diversityOf(window(countFrom(0, count)));
    t.true(found > 4 && found < 6, `${found}`);
    const opposed = seen(
      seen(first, sketchOf(1)),
      sketchOf(1).map((value) => -value),
    );
    t.is(diversityOf(opposed), 1e6);
    t.is(opposed.steps, 2);
    t.is(seen(first, new Array<number>(sketchSize).fill(0)), first);
  });
});

function countFrom(first: number, count: number): readonly number[] {
  return Array.from({ length: count }, (_, i) => first + i);
}

test('a sketch has the length of the gradient, and those of its shards add up to it', (t) => {
  scope(() => {
    const signs = ops.sign(normal([2 ** 20], 1, streamOf(9n, 'signs')));
    // Over the end of a period of signs.
    const g = normal([2 ** 20 + 5000], 1, streamOf(9n, 'g'), 'float64');
    // Some of the values are much larger than others.
    ops.mul_(g, ops.square(g));
    const whole = [...toArray(sketch(g, 0, signs))];
    const expected = new Float64Array(sketchSize);
    const [values, sign] = [toArray(g), toArray(signs)];
    for (let i = 0; i < g.numel; i += 1) {
      const at = i % sketchSize;
      expected[at] = (expected[at] ?? 0) + (values[i] ?? 0) * (sign[i % 2 ** 20] ?? 0);
    }
    const parts = [0, 7777, 2 ** 20 - 3, 2 ** 20 + 1, g.numel];
    const sum = new Float64Array(sketchSize);
    for (const [i, start] of parts.slice(0, -1).entries()) {
      const part = ops.narrow(g, 0, start, (parts[i + 1] ?? 0) - start);
      toArray(sketch(part, start, signs)).forEach((value, at) => {
        sum[at] = (sum[at] ?? 0) + value;
      });
    }
    const scale = Math.hypot(...expected);
    for (let at = 0; at < sketchSize; at += 1) {
      t.true(Math.abs((whole[at] ?? 0) - (expected[at] ?? 0)) < 1e-10 * scale);
      t.true(Math.abs((sum[at] ?? 0) - (expected[at] ?? 0)) < 1e-10 * scale);
    }
    const length = item(ops.linalgVectorNorm(g, 2));
    // Four deviations of 1 / sqrt(2 * 129).
    t.true(Math.abs(scale / length - 1) < 4 / Math.sqrt(2 * sketchSize));
  });
});

test('more bits the more gradients differ, by strategy; too many are floats', (t) => {
  const format = { bits: 6, fraction: 8 };
  const up = (diversity: number, strategy: 'Min' | 'Mean' | 'Max', from: FixedPoint = format) =>
    pushUp(from, diversity, strategy, 1);
  t.deepEqual(up(1, 'Max'), { bits: 8, fraction: 9 });
  t.deepEqual(up(Math.E, 'Min'), { bits: 8, fraction: 9 });
  // d = 0.6: ceil(1 / 0.36) = 3 and ceil(32 * 0.36) - 8 = 4.
  const diversity = Math.exp(1.6);
  t.deepEqual(up(diversity, 'Min'), { bits: 10, fraction: 11 });
  t.deepEqual(up(diversity, 'Mean'), { bits: 11, fraction: 12 });
  t.deepEqual(up(diversity, 'Max'), { bits: 11, fraction: 12 });
  t.deepEqual(up(1e6, 'Max', { bits: 8, fraction: 5 }), { bits: 32, fraction: 32 });
  t.deepEqual(up(diversity, 'Min', { bits: 6, fraction: 20 }), { bits: 7, fraction: 20 });
});

test('look-backs shrink and intervals get finer where gradients differ', (t) => {
  const wide = { ...settings, minLookback: 25, maxLookback: 100 };
  const layer = { ...firstPrecision(wide), resolution: 6, lookback: 40, steps: 40, norms: 40 };
  const different = nextWindow(wide, { ...layer, sum: [8] });
  // 100 / 5 is below the least; a third of 25 and two of 40.
  t.is(different.lookback, Math.ceil(0.33 * 25 + 0.67 * 40));
  t.is(different.resolution, 6);
  t.deepEqual([different.steps, different.norms, different.sum], [0, 0, []]);
  t.is(nextWindow(wide, { ...layer, lookback: 25, sum: [8] }).resolution, 7);
  t.is(nextWindow(wide, { ...layer, lookback: 100, resolution: 8, sum: [40] }).resolution, 7);
  t.is(nextWindow(wide, { ...layer, lookback: 40, sum: [40] }).lookback, 60);
});

test('the strategy takes more bits where the loss does not fall', (t) => {
  const start: AdaptState = {
    ...{ layers: [], strategy: 'Min', losses: { sum: 0, count: 0 }, meanBefore: null },
  };
  const after = (losses: readonly number[]) =>
    losses.reduce((state, loss) => withLoss(settings, state, loss), start);
  t.is(after([4, 4, 4, 4]).strategy, 'Min');
  t.is(after([4, 4, 4, 4, 4, 4, 4, 4]).strategy, 'Mean');
  t.is(after(new Array<number>(16).fill(4)).strategy, 'Max');
  t.is(after([...new Array<number>(16).fill(4), 3, 3, 3, 3]).strategy, 'Mean');
  t.is(after([4, 4, 4, 4, 3, 3, 3, 3]).strategy, 'Min');
});

const batches: readonly (readonly HostSequence[])[] = [
  [aSequence([countUp(0, 12)], 1), aSequence([countUp(3, 7)], 2)],
  [aSequence([countUp(5, 30)], 3)],
];
const evaluation = [aSequence([countUp(2, 20)], 9)];
const config = { hidden_size: 32, intermediate_size: 48 };

function aTraining(options: TrainingOptions, own: Partial<AdaptSettings> = {}): Training {
  return new Training({
    ...{ batches, evaluation, config, grid: adaptiveGrid({ ...settings, ...own }, 1n) },
    ...options,
  });
}

test('a training switches formats, keeps fewer bits than bfloat16, and learns as well', async (t) => {
  const plan = { totalSteps: 24, learningRate: () => 3e-3, evaluationInterval: 24 };
  using exact = new Training({ batches, evaluation, config, dtype: 'bfloat16', plan });
  const { state: expected } = await train(exact.parts, freshState);
  using training = aTraining({ plan });
  const { state } = await train(training.parts, freshState);
  const [before, after] = state.evaluations;
  const loss = expected.evaluations.at(-1)?.loss ?? Number.NaN;
  t.true((after?.loss ?? Number.NaN) < 0.8 * (before?.loss ?? Number.NaN));
  // Of several ways to round.
  const losses = [after?.loss ?? Number.NaN];
  for (const seed of [2n, 3n, 4n]) {
    using other = aTraining({ plan, grid: adaptiveGrid(settings, seed) });
    const { state: ended } = await train(other.parts, freshState);
    losses.push(ended.evaluations.at(-1)?.loss ?? Number.NaN);
  }
  const meanLoss = losses.reduce((sum, one) => sum + one, 0) / losses.length;
  t.true(meanLoss < 1.02 * loss, `${losses} ${loss}`);
  const { formats } = state;
  if (formats === undefined) return t.fail();
  const mean = meanBits(training.model, formats);
  // 60 % of bfloat16.
  t.true(mean <= 0.6 * 16, `${mean}`);
  t.log(`${mean} bits, losses ${losses} (bfloat16 ${loss})`);
  const switched = training
    .ofType('step')
    .flatMap(({ step, switches: own = [] }) => own.map((one) => ({ ...one, step })));
  t.true(switched.length > 0);
  // The last switch of a module is the format that it has.
  const { layers = [] } = adaptiveOf(training.model) ?? {};
  for (const { module, bits, fraction } of new Map(
    switched.map((one) => [one.module, one]),
  ).values()) {
    const own = formats.layers[layers.findIndex(({ path }) => path === module)];
    t.deepEqual({ bits, fraction }, { bits: own?.bits ?? 0, fraction: own?.fraction ?? 0 });
  }
  t.true(training.ofType('step').at(-1)?.method?.includes('bits a weight'));
});

for (const dtype of ['float32', 'bfloat16'] as const) {
  test(`with 32 bits everywhere it is a training without a grid, bit for bit, in ${dtype}`, async (t) => {
    const plan = { totalSteps: 5, evaluationInterval: 2 };
    using plain = new Training({ batches, evaluation, config, dtype, plan });
    const { state: expected } = await train(plain.parts, freshState);
    using training = aTraining({ dtype, plan }, { minBits: 32 });
    const { state } = await train(training.parts, freshState);
    t.deepEqual(training.bits(), plain.bits());
    t.deepEqual(state.evaluations, expected.evaluations);
    t.deepEqual(new Set(state.formats?.layers.map(({ bits }) => bits)), new Set([32]));
  });
}

test('steps round in their own ways, all else to the nearest', (t) => {
  using training = aTraining({});
  const { model } = training;
  const state = firstFormats(training.parts);
  const [layer] = adaptiveOf(model)?.layers ?? [];
  const own = state?.layers[0];
  if (layer === undefined || own === undefined) return t.fail();
  const { adaptive } = model.onGrid?.grid ?? {};
  const read = (step: number | null) => {
    adaptive?.follow(new Map([[layer.path, own]]), step);
    return scope(() => [...toArray(weightOnGrid(model, layer))]);
  };
  const weight = model.parameters.value(`${layer.path}.weight`);
  t.deepEqual(
    read(null),
    scope(() => [...toArray(nearest(weight, own))]),
  );
  t.deepEqual(read(3), read(3));
  t.notDeepEqual(read(3), read(4));
  t.notDeepEqual(read(3), read(null));
  // Gradients pass as they are.
  const G = tensor([1, -2, 1e9], [1, 3]);
  const found = model.onGrid?.grid.gradients(G, () => G, G);
  t.is(found?.weight, G);
});

test('two threads and recomputed blocks change no bit', async (t) => {
  const run = async (threads: number, mode: TrainingOptions['mode']) => {
    setThreads(threads);
    using training = aTraining({ ...(mode && { mode }), plan: { totalSteps: 5 } });
    const { state } = await train(training.parts, freshState);
    return { bits: training.bits(), formats: state.formats };
  };
  const one = await run(1, 'keep');
  t.deepEqual(await run(2, 'keep'), one);
  t.deepEqual(await run(2, 'recompute'), one);
  t.deepEqual(await run(1, 'offload'), one);
});

test('SGD trains weights that are not rounded themselves', async (t) => {
  const optimizer = sgd({ momentum: 0.9, weightDecay: 0, masterWeights: 'Float32' });
  const plan = { totalSteps: 20, learningRate: () => 0.05, evaluationInterval: 20 };
  using training = aTraining({ optimizer, plan });
  const { state } = await train(training.parts, freshState);
  const [before, after] = state.evaluations;
  t.true((after?.loss ?? Number.NaN) < (before?.loss ?? Number.NaN));
  const [layer] = adaptiveOf(training.model)?.layers ?? [];
  const own = state.formats?.layers[0];
  if (layer === undefined || own === undefined) return t.fail();
  scope(() => {
    const weight = training.model.parameters.value(`${layer.path}.weight`);
    t.true(item(ops.amax(ops.abs(ops.sub(nearest(weight, own), weight)))) > 0);
  });
});

test('histograms count every value once, and first formats follow from them', (t) => {
  using training = aTraining({});
  const { model, shards, world } = training.parts;
  const { layers = [] } = adaptiveOf(model) ?? {};
  const asked = layers.map(({ path }) => ({ path, resolution: 7 }));
  const held = { shards, world, device: model.device };
  const state = firstFormats(training.parts);
  for (const [i, found] of histogramsOf(held, asked).entries()) {
    if (found === null) return t.fail();
    const value = model.parameters.value(`${layers[i]?.path}.weight`);
    t.deepEqual(
      scope(() => bulkOf(value, 7)),
      found,
    );
    t.is(
      found.halves.reduce((sum, one) => sum + one, 0),
      value.numel,
    );
    const layer = firstPrecision(settings);
    t.deepEqual(state?.layers[i], decided(settings, layer, found, 'Min'));
    const { bits, fraction } = pushUp(pushDown(found, settings.tolerance), 1, 'Min', 1);
    t.like(state?.layers[i], { bits, fraction });
  }
  t.is(switches(model, undefined, state).length, layers.length);
  t.deepEqual(switches(model, state, state), []);
});

test('weights that are no numbers keep their format, and steps are skipped', async (t) => {
  using training = aTraining({ plan: { totalSteps: 2 } });
  const { model } = training.parts;
  const { layers = [] } = adaptiveOf(model) ?? {};
  for (const [at, value] of [Number.NaN, Number.POSITIVE_INFINITY].entries()) {
    const weight = model.parameters.value(`${layers[at]?.path}.weight`);
    scope(() => ops.fill_(ops.narrow(weight, 0, 1, 1), value));
  }
  const first = firstFormats(training.parts);
  const formats = first?.layers ?? [];
  const floats = formats.flatMap(({ bits }, i) => (bits === 32 ? [i] : []));
  t.deepEqual(floats, [0, 1]);
  const { state } = await train(training.parts, freshState);
  t.deepEqual(state.formats, first);
  t.deepEqual(
    training.ofType('step').map(({ skipped }) => skipped),
    [true, true],
  );
});
