// PV-Tuning where it must be equal to something simpler, or must do nothing. Float64, so that a
// difference is a mistake.
import test from 'ava';
import { lamb_, lambState } from '../../../../worker/methods/optimizers/lamb.ts';
import type { UpdateStep } from '../../../../worker/methods/optimizers/optimizer.ts';
import { codebooksOf } from '../../../../worker/methods/optimizers/optimizer.ts';
import {
  type PvTuningSettings,
  pvTuning,
} from '../../../../worker/methods/optimizers/pv-tuning.ts';
import { decodeCodebook } from '../../../../worker/methods/weights/codebook.ts';
import { liveHandles } from '../../../../worker/tensor/memory.ts';
import * as ops from '../../../../worker/tensor/ops.generated.ts';
import { normal } from '../../../../worker/tensor/rng.ts';
import { scope } from '../../../../worker/tensor/scope.ts';
import { streamOf } from '../../../../worker/tensor/streams.ts';
import { item, type Tensor, toArray, toBytes } from '../../../../worker/tensor/tensor.ts';
import { aCodebookMatrix, copyOf } from '../../../builders/codebook.ts';

const shape = { outputs: 16, groups: 6, codebooks: 2, entries: 16, groupSize: 4 };
const codes = {
  ...{ beta1: 0, beta2: 0.95, rateRatio: 30, deltaDecay: 0 },
  ...{ maxChange: 0.1, trustRatio: null, beam: 3 },
};
const settings: PvTuningSettings = {
  ...{ beta1: 0.9, beta2: 0.95, epsilon: 1e-6, lamb: true, masterWeights: 'Float32' },
  ...{ updateCodebooks: true, codes },
};

const gradientOf = (step: number): Tensor =>
  normal([16, 24], 1, streamOf(3, 'pv-tuning.test', step), 'float64');

const stepOf = (count: number, learningRate = 0.003): UpdateStep => ({
  ...{ learningRate, count, gradientScale: 0.5, decayed: true },
  stream: streamOf(1, 'pv-tuning.test', count),
});

interface Outcome {
  readonly matrix: ReturnType<typeof aCodebookMatrix>;
  readonly state: Readonly<Record<string, Tensor>>;
  readonly said: string | null | undefined;
}

/** The matrix and its state after some steps. */
function after(
  own: PvTuningSettings,
  steps: number,
  gradient = gradientOf,
  learningRate?: number,
): Outcome {
  const matrix = aCodebookMatrix(shape, 'float64');
  const optimizer = pvTuning(own);
  const coded = codebooksOf(optimizer);
  const state = coded.initialize(matrix);
  for (let count = 1; count <= steps; count += 1) {
    coded.update(matrix, gradient(count), state, stepOf(count, learningRate));
  }
  return { matrix, state, said: optimizer.describe?.((values) => values) };
}

test('without a gradient nothing moves: no code, no vector, no scale, no buffer', (t) => {
  scope(() => {
    const zero = () => ops.zeros([16, 24], { dtype: 'float64' });
    const { matrix, state, said } = after(settings, 3, zero);
    const before = aCodebookMatrix(shape, 'float64');
    for (const part of ['codes', 'codebooks', 'scales'] as const) {
      t.deepEqual(toBytes(matrix[part]), toBytes(before[part]), part);
    }
    t.deepEqual(toArray(state['buffer'] as Tensor), toArray(decodeCodebook(before, 'float64')));
    t.is(said, '0.0 % of codes changed');
  });
});

test('with fixed codes it is LAMB on codebooks and scales, bit by bit', (t) => {
  scope(() => {
    const { matrix, state, said } = after({ ...settings, codes: null }, 5);
    const plain = aCodebookMatrix(shape, 'float64');
    const states = [plain.codebooks, plain.scales].map((each) => lambState(each, settings));
    for (let count = 1; count <= 5; count += 1) {
      const gradients = ops.codebookGradient(
        plain.codes,
        plain.codebooks,
        plain.scales,
        ops.mulScalar(gradientOf(count), 0.5),
      );
      for (const [i, value] of [plain.codebooks, plain.scales].entries()) {
        const step = { settings, learningRate: 0.003, count };
        lamb_(value, gradients[i] as Tensor, states[i] ?? {}, step);
      }
    }
    for (const part of ['codes', 'codebooks', 'scales'] as const) {
      t.deepEqual(toBytes(matrix[part]), toBytes(plain[part]), part);
    }
    t.false('buffer' in state);
    t.is(said, null);
  });
});

test('with fixed codebooks only codes move', (t) => {
  scope(() => {
    const { matrix, state } = after({ ...settings, updateCodebooks: false }, 5);
    const before = aCodebookMatrix(shape, 'float64');
    t.deepEqual(toBytes(matrix.codebooks), toBytes(before.codebooks));
    t.deepEqual(toBytes(matrix.scales), toBytes(before.scales));
    t.notDeepEqual(toBytes(matrix.codes), toBytes(before.codes));
    t.deepEqual(Object.keys(state).sort(), ['buffer', 'exp_avg_sq']);
  });
});

test('a buffer that is not drawn back knows nothing of codes: it is LAMB on the weights', (t) => {
  scope(() => {
    const few = after(settings, 5);
    const all = after({ ...settings, codes: { ...codes, maxChange: 1 } }, 5);
    t.notDeepEqual(toBytes(few.matrix.codes), toBytes(all.matrix.codes));
    t.deepEqual(toBytes(few.state['buffer'] as Tensor), toBytes(all.state['buffer'] as Tensor));
    const weight = decodeCodebook(aCodebookMatrix(shape, 'float64'), 'float64');
    const own = { ...settings, ...codes };
    const state = lambState(weight, own);
    for (let count = 1; count <= 5; count += 1) {
      const gradient = ops.mulScalar(gradientOf(count), 0.5);
      lamb_(weight, gradient, state, { settings: own, learningRate: 0.003 * 30, count });
    }
    t.deepEqual(toBytes(all.state['buffer'] as Tensor), toBytes(weight));
  });
});

test('straight-through estimation: with one codebook each code is the nearest to the buffer', (t) => {
  scope(() => {
    const matrix = aCodebookMatrix({ ...shape, codebooks: 1 }, 'float64');
    const own = { ...settings, codes: { ...codes, maxChange: 1, beam: 1 } };
    const coded = codebooksOf(pvTuning(own));
    const state = coded.initialize(matrix);
    for (const count of [1, 2, 3]) coded.update(matrix, gradientOf(count), state, stepOf(count));
    const buffer = state['buffer'] as Tensor;
    const targetCount = ops.view(ops.div(buffer, ops.unsqueeze(matrix.scales, 1)), [96, 1, 4]);
    const [vectors] = ops.unbind(matrix.codebooks, 0) as [Tensor];
    const distances = ops.sumDim(ops.square(ops.sub(targetCount, ops.unsqueeze(vectors, 0))), [2]);
    const nearest = toArray(ops.argmin(distances, 1)).map(Number);
    t.deepEqual(toArray(ops.view(matrix.codes, [-1])).map(Number), nearest);
  });
});

test('a buffer is drawn back as far as deltaDecay says', (t) => {
  scope(() => {
    const kept = after(settings, 1);
    // Not one half, which is as far from the one end as from the other.
    const drawn = after({ ...settings, codes: { ...codes, deltaDecay: 0.25 } }, 1);
    const whole = decodeCodebook(drawn.matrix, 'float64');
    const between = ops.add(ops.mulScalar(kept.state['buffer'] as Tensor, 0.75), whole, {
      alpha: 0.25,
    });
    const gap = ops.sub(drawn.state['buffer'] as Tensor, between);
    t.true(item(ops.amax(ops.abs(gap))) < 1e-14);
    t.false('buffer' in after({ ...settings, codes: { ...codes, deltaDecay: 1 } }, 1).state);
  });
});

test('the linearised step alone, on all groups and without a buffer, changes no code at a usual rate', (t) => {
  scope(() => {
    const naive = { ...codes, maxChange: 1, deltaDecay: 1, rateRatio: 1 };
    const own = { ...settings, updateCodebooks: false, codes: naive };
    const steady = () => gradientOf(1);
    const { matrix, said } = after(own, 60, steady, 0.01);
    t.deepEqual(toBytes(matrix.codes), toBytes(aCodebookMatrix(shape, 'float64').codes));
    t.is(said, '0.0 % of codes changed');
    // The same with a buffer gathers what single steps are too short for.
    const gathered = after({ ...own, codes: { ...naive, deltaDecay: 0 } }, 60, steady, 0.01);
    t.notDeepEqual(toBytes(gathered.matrix.codes), toBytes(matrix.codes));
  });
});

test('a step in float32 is near to that in float64, and one on a loss of distance comes nearer', (t) => {
  scope(() => {
    const target = normal([16, 24], 1, streamOf(9, 'target'), 'float64');
    const distance = (w: Tensor): number => item(ops.sum(ops.square(ops.sub(w, target))));
    for (const own of [settings, { ...settings, codes: null }]) {
      const matrix = aCodebookMatrix(shape, 'float64');
      const start = copyOf(matrix);
      const coded = codebooksOf(pvTuning(own));
      const state = coded.initialize(matrix);
      for (let count = 1; count <= 60; count += 1) {
        const gap = ops.sub(decodeCodebook(matrix, 'float64'), target);
        coded.update(matrix, gap, state, stepOf(count, 0.01));
      }
      const [before, after] = [start, matrix].map((each) =>
        distance(decodeCodebook(each, 'float64')),
      );
      t.true((after ?? 0) < 0.8 * (before ?? 0), `${before} ${after}`);
    }
  });
});

test('what is dense has a master in float32 beside bfloat16, or is rounded stochastically', (t) => {
  scope(() => {
    const value = () => ops.to(normal([4, 3], 1, streamOf(2, 'dense')), 'bfloat16');
    const gradient = ops.to(normal([4, 3], 1, streamOf(3, 'dense')), 'bfloat16');
    for (const masterWeights of ['Float32', 'StochasticRounding'] as const) {
      const optimizer = pvTuning({ ...settings, masterWeights });
      const own = value();
      const state = optimizer.initialize(own);
      t.is('master' in state, masterWeights === 'Float32');
      optimizer.update(own, gradient, state, stepOf(1, 0.1));
      t.notDeepEqual(toBytes(own), toBytes(value()));
      if (masterWeights === 'Float32') {
        t.deepEqual(toBytes(own), toBytes(ops.to(state['master'] as Tensor, 'bfloat16')));
      }
    }
  });
});

test('a step leaves no tensor behind', (t) => {
  scope(() => {
    const matrix = aCodebookMatrix(shape, 'float64');
    const optimizer = pvTuning({ ...settings, codes: { ...codes, trustRatio: 0.1 } });
    const coded = codebooksOf(optimizer);
    const state = coded.initialize(matrix);
    const gradient = gradientOf(1);
    const before = liveHandles();
    coded.update(matrix, gradient, state, stepOf(1));
    optimizer.endStep?.();
    t.is(liveHandles(), before);
    t.regex(optimizer.describe?.((values) => values) ?? '', /% of codes changed$/);
  });
});
