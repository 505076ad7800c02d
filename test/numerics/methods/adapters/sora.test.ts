// Gates that close: the proximal step, when a gate opens again, what is left by threshold, and that
// what is written without closed ranks computes the same.
import test from 'ava';
import { freshState } from '../../../../worker/checkpoint/trainer-state.ts';
import { lora } from '../../../../worker/methods/adapters/lora.ts';
import { sora } from '../../../../worker/methods/adapters/sora.ts';
import { shrink_ } from '../../../../worker/methods/adapters/sparse-values.ts';
import { sgd } from '../../../../worker/methods/optimizers/sgd.ts';
import * as ops from '../../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../../worker/tensor/scope.ts';
import { tensor, toArray } from '../../../../worker/tensor/tensor.ts';
import { train } from '../../../../worker/train/loop.ts';
import { Training } from '../../../builders/toy-training.ts';

const settings = {
  ...({ rank: 8, alpha: 16, dropout: 0, seed: 3n, dtype: 'float64' } as const),
  targets: (path: string) => path.endsWith('up_proj') || path.endsWith('q_proj'),
};

const gated = (threshold: number, finalThreshold = threshold) =>
  sora({ ...settings, threshold, finalThreshold });

test('the proximal step is the best of all points of a grid, and exact zero within the threshold', (t) => {
  scope(() => {
    const threshold = 0.3;
    const xs = [-1.7, -0.61, -0.3, -0.12, 0, 0.05, 0.29, 0.3, 0.31, 0.45, 0.6, 2];
    const found = tensor(xs, [xs.length], 'float64');
    shrink_(found, threshold);
    const grid = Array.from({ length: 8001 }, (_, i) => (i - 4000) / 1000);
    for (const [i, z] of toArray(found).entries()) {
      const x = xs[i] ?? 0;
      const cost = (of: number) => (of - x) ** 2 / 2 + threshold * Math.abs(of);
      t.true(cost(z) <= Math.min(...grid.map(cost)) + 1e-12, `${x} to ${z}`);
      t.is(z === 0, Math.abs(x) <= threshold, `${x}`);
    }
  });
});

test('a gate at zero opens where one step moves it by more than the threshold', async (t) => {
  const rate = 1e-2;
  const first = gated(1e-4);
  const noAdapter = (): never => {
    throw new Error('SoRA decomposes nothing');
  };
  const initial = first.initialize;
  using training = new Training({
    dtype: 'float64',
    adapter: {
      ...first,
      // Closed gates beside a B that is not zero, so that they have gradients.
      initialize(layer) {
        const { trained } = initial(layer, noAdapter);
        const { 'lora_B.weight': B, lora_E: g } = trained;
        return {
          trained: {
            ...trained,
            'lora_B.weight': ops.addScalar(B!, 0.02),
            lora_E: ops.zerosLike(g!),
          },
        };
      },
    },
    optimizer: sgd({ momentum: 0, weightDecay: 0, masterWeights: 'Float32' }),
    clip: { mode: 'None', norm: 1 },
    plan: { totalSteps: 1, learningRate: () => rate },
  });
  const moved: number[] = [];
  const { updater } = training.parts;
  const parts = {
    ...training.parts,
    updater: {
      begin: (update: Parameters<typeof updater.begin>[0]) =>
        updater.begin({
          ...update,
          updated(parameter) {
            if (parameter.suffix === 'lora_E') moved.push(...toArray(parameter.value));
            update.updated?.(parameter);
          },
        }),
    },
  };
  await train(parts, freshState);
  const gates = training.model.parameters
    .trained()
    .flatMap(({ suffix, value }) => (suffix === 'lora_E' ? toArray(value) : []));
  const sorted = (of: readonly number[]) => of.map(Math.abs).sort((a, b) => a - b);
  t.is(gates.length, moved.length);
  const open = moved.filter((x) => Math.abs(x) > 1e-4).length;
  t.true(open > 0 && open < moved.length, `${open} of ${moved.length} move further`);
  t.is(gates.filter((g) => g !== 0).length, open);
  const expected = sorted(moved).map((x) => Math.max(0, x - 1e-4));
  t.deepEqual(sorted(gates), expected);
});

test('without a threshold it is LoRA with a gate, and with one of the same gates it is LoRA', async (t) => {
  const gates = (training: Training) =>
    training.model.parameters.trained().filter(({ suffix }) => suffix === 'lora_E');
  using training = new Training({ dtype: 'float64', adapter: gated(0) });
  await train(training.parts, freshState);
  t.true(gates(training).every(({ value }) => toArray(value).every((g) => g !== 0)));

  // Ones as gates: the first step has the gradients of LoRA.
  const ones = { ...gated(0), initialize: onesOf(gated(0)) };
  using first = new Training({ dtype: 'float64', adapter: ones, plan: { totalSteps: 1 } });
  const plain = lora({
    ...{ ...settings, scaling: 'Standard', learningRateRatio: 1 },
    initialization: 'KaimingUniform',
  });
  using second = new Training({ dtype: 'float64', adapter: plain, plan: { totalSteps: 1 } });
  for (const each of [first, second]) await train(each.parts, freshState);
  t.is(first.ofType('step')[0]?.gradNorm, second.ofType('step')[0]?.gradNorm);
  for (const { name, value } of second.model.parameters.trained()) {
    t.deepEqual(toArray(first.model.parameters.value(name)), toArray(value), name);
  }
});

function onesOf(adapter: ReturnType<typeof sora>): ReturnType<typeof sora>['initialize'] {
  return (layer, initial) => {
    const { trained } = adapter.initialize(layer, initial);
    return { trained: { ...trained, lora_E: ops.onesLike(trained['lora_E']!) } };
  };
}

test('fewer ranks are left the higher the threshold is, and what the run reports is their number', async (t) => {
  const left: number[] = [];
  const losses: number[] = [];
  for (const threshold of [0, 0.02, 0.05, 0.1]) {
    const adapter = gated(threshold);
    using training = new Training({ dtype: 'float64', adapter, plan: { totalSteps: 12 } });
    const own = () =>
      training.model.parameters
        .trained()
        .flatMap(({ suffix, value }) => (suffix === undefined ? [] : [{ suffix, value }]));
    const said = () => adapter.describe?.(own(), (values) => values) ?? null;
    await train({ ...training.parts, said }, freshState);
    const open = own().flatMap(({ suffix, value }) =>
      suffix === 'lora_E' ? toArray(value).filter((g) => g !== 0) : [],
    );
    left.push(open.length);
    losses.push(training.ofType('step').at(-1)?.loss ?? Number.NaN);
    t.is(training.ofType('step').at(-1)?.method, `${open.length} of 48 ranks left`);
  }
  t.is(left[0], 48);
  for (const [i, count] of left.entries()) t.true(i === 0 || count < (left[i - 1] ?? 0), `${left}`);
  t.true(Math.max(...losses.slice(0, 2)) < 3, `${losses}`);
});

test('the threshold goes from the first step to the last', (t) => {
  scope(() => {
    const adapter = gated(0.1, 0.5);
    const at = (step: number) => {
      const value = tensor([1], [1], 'float64');
      adapter.afterUpdate?.('lora_E', value, { step, totalSteps: 5 });
      return Math.round(1e9 * (1 - (toArray(value)[0] ?? 0))) / 1e9;
    };
    t.deepEqual([0, 1, 2, 3, 4].map(at), [0.1, 0.2, 0.3, 0.4, 0.5]);
    const B = tensor([1], [1], 'float64');
    adapter.afterUpdate?.('lora_B.weight', B, { step: 0, totalSteps: 5 });
    t.deepEqual(toArray(B), [1]);
    t.false(adapter.decays('lora_E'));
  });
});
