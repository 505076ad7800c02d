// Decoupled weight decay shrinks matrices and leaves norms and biases alone: with a gradient of
// zeros an update does nothing else.
import test from 'ava';
import { adamW } from '../../../worker/methods/optimizers/adamw.ts';
import { adamW8bit, smallestQuantized } from '../../../worker/methods/optimizers/adamw-8bit.ts';
import { agedAdamW } from '../../../worker/methods/optimizers/aged-adamw.ts';
import { exactSubspaces, galore } from '../../../worker/methods/optimizers/galore.ts';
import type { Optimizer } from '../../../worker/methods/optimizers/optimizer.ts';
import type { DType } from '../../../worker/tensor/dtype.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { normal } from '../../../worker/tensor/rng.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { streamOf } from '../../../worker/tensor/streams.ts';
import { toArray } from '../../../worker/tensor/tensor.ts';
import { projectedUpdate } from '../../builders/projected-update.ts';

const [learningRate, weightDecay] = [0.5, 0.25];
const settings = {
  ...{ beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay },
  masterWeights: 'Float32',
} as const;

const decays = test.macro({
  exec(t, _: string, optimizer: Optimizer, dtype: DType, shape: readonly number[]) {
    const after = (decayed: boolean) =>
      scope(() => {
        const value = normal(shape, 1, streamOf(1, 'weight-decay.test'), dtype);
        const before = toArray(value);
        const state = optimizer.initialize(value, { isBlockMatrix: shape.length > 1 });
        const still = ops.zeros(shape, { dtype });
        const step = { learningRate, count: 1, gradientScale: 1, decayed };
        projectedUpdate(optimizer, value, still, state, {
          ...step,
          stream: streamOf(1, 'update'),
        });
        return { before, after: toArray(value) };
      });
    const free = after(false);
    t.deepEqual(free.after, free.before);
    // Powers of two: 1 - 0.5 × 0.25 has three bits, a product with it is rounded twice at most.
    const bits = { float64: 53, float32: 24, bfloat16: 8 }[
      dtype as 'float64' | 'float32' | 'bfloat16'
    ];
    const shrunk = after(true);
    for (const [i, value] of shrunk.after.entries()) {
      const expected = (1 - learningRate * weightDecay) * shrunk.before[i]!;
      t.true(
        Math.abs(value - expected) <= 2 ** (1 - bits) * Math.abs(expected),
        `${value} ${expected}`,
      );
    }
  },
  title: (_, words) => `${words} decays what is to decay, and nothing else`,
});

test(decays, 'AdamW', adamW(settings), 'float64', [7]);
test(decays, 'AdamW with master weights', adamW(settings), 'bfloat16', [7]);
test(
  decays,
  'AdamW with moments in bfloat16',
  adamW({ ...settings, moments: 'BFloat16' }),
  'float32',
  [7],
);
test(decays, 'AdamW of few values in 8 bits', adamW8bit(settings), 'float32', [7]);
test(decays, 'AdamW in 8 bits', adamW8bit(settings), 'float32', [smallestQuantized]);
test(decays, 'AdamW with an age for each value', agedAdamW(settings), 'float32', [7]);
test(
  decays,
  'GaLore',
  galore({ ...settings, rank: 2, scale: 1 }, adamW(settings), exactSubspaces(3)),
  'float64',
  [7, 5],
);
