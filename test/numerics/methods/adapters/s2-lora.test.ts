// Matrices that layers of equal size share: equal coefficients give equal changes, gradients of
// what is shared are sums over all layers, and coefficients become sparse.
import test from 'ava';
import { freshState } from '../../../../worker/checkpoint/trainer-state.ts';
import type { Model } from '../../../../worker/engine/model.ts';
import type { Parameters } from '../../../../worker/engine/parameters.ts';
import { s2Lora } from '../../../../worker/methods/adapters/s2-lora.ts';
import { sgd } from '../../../../worker/methods/optimizers/sgd.ts';
import { lisa } from '../../../../worker/methods/selection/lisa.ts';
import * as ops from '../../../../worker/tensor/ops.generated.ts';
import { normal } from '../../../../worker/tensor/rng.ts';
import { scope } from '../../../../worker/tensor/scope.ts';
import { streamOf } from '../../../../worker/tensor/streams.ts';
import { tensor, toArray } from '../../../../worker/tensor/tensor.ts';
import { train } from '../../../../worker/train/loop.ts';
import { denseChanges } from '../../../builders/dense-change.ts';
import { aToyModel, countUp, Training } from '../../../builders/toy-training.ts';
import { aSequence, gradientsOf } from '../../../builders/training.ts';

const settings = {
  ...({ rank: 5, alpha: 10, dropout: 0, seed: 3n, dtype: 'float64' } as const),
  ...{ targets: () => true, threshold: 0, learningRateRatio: 10, orthogonality: 0 },
};

const sequences = [aSequence([countUp(0, 12)]), aSequence([countUp(3, 7)])];

function move({ parameters }: Model): void {
  for (const { name, value } of parameters.trained()) {
    scope(() => ops.add_(value, normal(value.shape, 0.05, streamOf(3n, name), 'float64')));
  }
}

test('layers of equal size with equal coefficients have equal changes, bit for bit', (t) => {
  const model = aToyModel({ dtype: 'float64', adapter: s2Lora(settings) });
  using _parameters = model.parameters;
  move(model);
  for (const { name, value } of model.parameters.trained()) {
    if (!name.endsWith('.s2lora_c')) continue;
    scope(() => ops.copy_(value, tensor([0.3, -0.1, 0, 0.25, 0.7], [5], 'float64')));
  }
  const found = denseChanges(model);
  const bySize = Map.groupBy(model.adapted.values(), ({ out, in: inputs }) => `${out}x${inputs}`);
  t.true([...bySize.values()].some((layers) => layers.length > 3));
  for (const [first, ...others] of bySize.values()) {
    for (const { path } of others) t.deepEqual(found.get(path), found.get(first!.path), path);
  }
});

test('the gradient of a shared matrix is the sum of those of its layers', (t) => {
  const model = aToyModel({ dtype: 'float64', adapter: s2Lora(settings) });
  using _one = model.parameters;
  move(model);
  const dense = aToyModel({ dtype: 'float64' });
  using _two = dense.parameters;
  for (const [path, values] of denseChanges(model)) {
    const weight = dense.parameters.value(`${path}.weight`);
    scope(() => ops.add_(weight, tensor(values, weight.shape, 'float64')));
  }
  const expected = gradientsOf(dense, sequences);
  for (const mode of ['keep', 'recompute'] as const) {
    const found = gradientsOf(model, sequences, mode);
    scope(() => {
      const value = (name: string) => model.parameters.value(name);
      const sums = new Map<string, ReturnType<typeof value>>();
      for (const { path, out, in: inputs } of model.adapted.values()) {
        const G = tensor(expected.gradients.get(`${path}.weight`) ?? [], [out, inputs], 'float64');
        const [P, Q] = [`s2lora_P.${out}x${inputs}`, `s2lora_Q.${out}x${inputs}`];
        const c = value(`${path}.s2lora_c`);
        // dP = s G Q^T diag(c), dQ = s diag(c) P^T G, with s = 2.
        const ofP = ops.mul(ops.mm(ops.mulScalar(G, 2), ops.t(value(Q))), c);
        const ofQ = ops.mul(ops.unsqueeze(c, 1), ops.mm(ops.t(value(P)), ops.mulScalar(G, 2)));
        for (const [name, term] of [[P, ofP] as const, [Q, ofQ] as const]) {
          const sum = sums.get(name);
          sums.set(name, sum === undefined ? term : ops.add(sum, term));
        }
      }
      for (const [name, sum] of sums) {
        const [ours, theirs] = [found.gradients.get(name) ?? [], toArray(sum)];
        const size = Math.max(...theirs.map(Math.abs));
        const off = Math.max(...theirs.map((x, i) => Math.abs(x - (ours[i] ?? Number.NaN))));
        t.true(off <= 1e-10 * size, `${name} ${mode}: ${off} of ${size}`);
      }
    });
  }
});

test('before the first step only coefficients have a gradient', (t) => {
  const model = aToyModel({ dtype: 'float64', adapter: s2Lora(settings) });
  using _parameters = model.parameters;
  for (const [name, values] of gradientsOf(model, sequences).gradients) {
    t.is(
      values.some((x) => x !== 0),
      name.endsWith('s2lora_c'),
      name,
    );
  }
});

test('the term of the loss pulls shared matrices to orthonormal ones', async (t) => {
  const distance = async (orthogonality: number) => {
    const adapter = s2Lora({ ...settings, orthogonality });
    using training = new Training({
      ...{ dtype: 'float64', adapter },
      plan: { totalSteps: 30, learningRate: () => 3e-2 },
    });
    await train(training.parts, freshState);
    const shared = training.model.parameters.trained().filter(({ layer }) => layer === 'shared');
    t.is(shared.length, 8);
    const gaps = shared.map(({ name, value }) =>
      scope(() => {
        const rows = name.includes('_P.') ? ops.t(value) : value;
        const gram = toArray(ops.mm(rows, ops.t(rows)));
        return gram.reduce((sum, x, i) => sum + (x - (i % 6 === 0 ? 1 : 0)) ** 2, 0);
      }),
    );
    return gaps.reduce((sum, one) => sum + one, 0);
  };
  const [without, pulled] = [await distance(0), await distance(0.5)];
  t.true(pulled < 0.5 * without, `${without} to ${pulled}`);
});

test('a step leaves the coefficients that it moves by more than the threshold, and the run says how many', async (t) => {
  const batch = sequences[0]!;
  const first = aToyModel({ dtype: 'float64', adapter: s2Lora(settings) });
  using _parameters = first.parameters;
  const { gradients } = gradientsOf(first, [batch]);
  const isOwn = (name: string) => name.endsWith('s2lora_c');
  const moved = [...gradients].flatMap(([name, values]) => (isOwn(name) ? values : []));
  const sorted = moved.map(Math.abs).sort((a, b) => a - b);
  t.is(sorted.length, 5 * 3 * 7);
  for (const share of [0, 0.4, 0.9]) {
    const threshold = share === 0 ? 0 : (sorted[Math.floor(share * sorted.length)] ?? 0);
    const adapter = s2Lora({ ...settings, threshold });
    using training = new Training({
      ...{ dtype: 'float64', adapter, batches: [[batch]] },
      optimizer: sgd({ momentum: 0, weightDecay: 0, masterWeights: 'Float32' }),
      clip: { mode: 'None', norm: 1 },
      plan: { totalSteps: 1, learningRate: () => 1 },
    });
    const own = () =>
      training.model.parameters
        .trained()
        .flatMap(({ suffix, value }) => (suffix === undefined ? [] : [{ suffix, value }]));
    const said = () => adapter.describe?.(own(), (values) => values) ?? null;
    await train({ ...training.parts, said }, freshState);
    for (const { name, value } of training.model.parameters
      .trained()
      .filter((one) => isOwn(one.name))) {
      const g = gradients.get(name) ?? [];
      for (const [i, c] of toArray(value).entries()) {
        const whole = -(g[i] ?? Number.NaN);
        const expected = Math.sign(whole) * Math.max(0, Math.abs(whole) - threshold);
        t.true(Math.abs(c - expected) <= 1e-12 * sorted.at(-1)!, `${name} ${i}`);
      }
    }
    const left = sorted.filter((one) => one > threshold).length;
    t.is(training.ofType('step')[0]?.method, `${left} of ${sorted.length} coefficients left`);
  }
});

test('matrices of blocks that LISA did not draw have their part of the gradient', (t) => {
  const model = aToyModel({ dtype: 'float64', adapter: s2Lora(settings) });
  using _parameters = model.parameters;
  move(model);
  const of = (parameters: Parameters) =>
    lisa(
      ...([
        {
          activeLayers: 1,
          intervalSteps: 1,
          state: 'Keep',
          sampling: 'Uniform',
          weights: [],
          seed: 1n,
        },
        parameters,
      ] as const),
    );
  const whole = gradientsOf(model, sequences);
  for (const step of [0, 1, 2, 3]) {
    const drawn = gradientsOf(model, sequences, 'keep', { active: of(model.parameters).at(step) });
    const shared = [...drawn.gradients.keys()].filter((name) => /^s2lora_/.test(name));
    t.is(shared.length, 8);
    for (const name of shared) t.deepEqual(drawn.gradients.get(name), whole.gradients.get(name));
    t.is(drawn.gradients.size, 8 + 7);
  }
});
