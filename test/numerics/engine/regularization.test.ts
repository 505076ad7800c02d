// The term that an adapter adds to the loss, for KaSA: its value by its definition, its gradients
// by differences of that, and that a step adds them once.
import test from 'ava';
import { freshState } from '../../../worker/checkpoint/trainer-state.ts';
import type { Model } from '../../../worker/engine/model.ts';
import { regularization } from '../../../worker/engine/regularization.ts';
import { kasa } from '../../../worker/methods/adapters/kasa.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { normal } from '../../../worker/tensor/rng.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { streamOf } from '../../../worker/tensor/streams.ts';
import { item, type Tensor, toArray } from '../../../worker/tensor/tensor.ts';
import { train } from '../../../worker/train/loop.ts';
import { aToyModel, countUp, Training } from '../../builders/toy-training.ts';
import { aSequence, gradientsOf } from '../../builders/training.ts';

const beta = 0.05;
const gamma = 0.2;
const adapterOf = (weights = { beta, gamma }) =>
  kasa({
    ...{ rank: 3, alpha: 6, dropout: 0, targets: (path) => !path.endsWith('o_proj'), seed: 4n },
    ...{ dtype: 'float64', ...weights },
  });

/** A toy whose B are not zero, with its trained tensors by name. */
function aModel(): Model {
  const model = aToyModel({ dtype: 'float64', adapter: adapterOf() });
  for (const { name, value } of model.parameters.trained()) {
    scope(() => ops.copy_(value, normal(value.shape, 0.3, streamOf(2, name), 'float64')));
  }
  return model;
}

/** By the definition of the paper, whose Gram matrices are those of the long sides. */
function defined({ parameters, adapted }: Model, layer: number): number {
  const apart = (rows: Tensor): number => {
    const [rank = 0, size = 0] = rows.shape;
    const large = ops.sub(ops.mm(ops.t(rows), rows), ops.eye(size, { dtype: 'float64' }));
    // |A^T A - I_n|^2 = |A A^T - I_r|^2 + n - r
    return Math.sqrt(item(ops.sum(ops.square(large))) - (size - rank));
  };
  const layers = [...adapted.values()].filter((each) => each.layer === layer);
  const terms = layers.map(({ path }) =>
    scope(() => {
      const own = (suffix: string) => parameters.value(`${path}.${suffix}`);
      const d = item(ops.sum(ops.square(own('lora_diag'))));
      const sides = [own('lora_A.weight'), ops.t(own('lora_B.weight'))];
      return beta * d + gamma * sides.reduce((sum, rows) => sum + apart(rows), 0);
    }),
  );
  return terms.reduce((sum, one) => sum + one, 0) / adapted.size;
}

test('its value is that of the definition, and its gradients those of its differences', (t) => {
  const model = aModel();
  using _parameters = model.parameters;
  const parameters = model.parameters.trainedAt(1);
  t.is(parameters.length, 3 * 6);
  scope(() => {
    const own = regularization(model, 1, parameters);
    const expected = defined(model, 1);
    t.true(Math.abs(item(own!.value) / expected - 1) < 1e-12);
    for (const [i, { name, value }] of parameters.entries()) {
      const direction = normal(value.shape, 1, streamOf(3, name), 'float64');
      const step = 1e-5;
      const at = (factor: number) => {
        ops.add_(value, direction, { alpha: factor * step });
        const found = defined(model, 1);
        ops.add_(value, direction, { alpha: -factor * step });
        return found;
      };
      const slope = (at(1) - at(-1)) / (2 * step);
      const found = item(ops.sum(ops.mul(own!.gradients[i]!, direction)));
      t.true(Math.abs(found - slope) < 1e-8 * (1 + Math.abs(slope)), `${name}: ${found}, ${slope}`);
    }
  });
});

test('matrices of zeros and orthonormal ones have a gradient of zeros', (t) => {
  const model = aModel();
  using _parameters = model.parameters;
  scope(() => {
    for (const { name, value } of model.parameters.trained()) {
      if (name.endsWith('lora_B.weight')) ops.copy_(value, ops.zerosLike(value));
      if (!name.endsWith('lora_A.weight')) continue;
      const unit = ops.zerosLike(value);
      ops.copy_(ops.diagonal(unit), ops.onesLike(ops.diagonal(unit)));
      ops.copy_(value, unit);
    }
    const parameters = model.parameters.trainedAt(0);
    const own = regularization(model, 0, parameters);
    for (const [i, { name }] of parameters.entries()) {
      const found = toArray(own!.gradients[i]!);
      if (name.endsWith('lora_diag')) t.true(found.every((x) => Math.abs(x) > 0));
      else
        t.true(
          found.every((x) => x === 0),
          name,
        );
    }
  });
});

test('a step adds it once, whatever its micro-batches, and one rank of several alone', (t) => {
  const model = aModel();
  using _parameters = model.parameters;
  const parameters = [0, 1, 2].flatMap((layer) => model.parameters.trainedAt(layer));
  const expected = new Map(
    scope(() =>
      [0, 1, 2].flatMap((layer) => {
        const own = model.parameters.trainedAt(layer);
        const { gradients } = regularization(model, layer, own)!;
        return own.map(({ name }, i) => [name, toArray(gradients[i]!)] as const);
      }),
    ),
  );
  for (const count of [1, 3]) {
    const sequences = Array.from({ length: count }, (_, i) => aSequence([countUp(i, 9)], i));
    const without = gradientsOf(model, sequences);
    const withIt = gradientsOf(model, sequences, 'recompute', { regularizes: true });
    t.is(without.loss, withIt.loss);
    for (const { name } of parameters) {
      const before = without.gradients.get(name) ?? [];
      const after = withIt.gradients.get(name) ?? [];
      const added = expected.get(name) ?? [];
      const gaps = added.map((x, i) => Math.abs((after[i] ?? 9) - (before[i] ?? 0) - x));
      t.true(Math.max(...gaps) < 1e-12, `${name} of ${count}: ${Math.max(...gaps)}`);
    }
  }
});

test('it is reported beside the loss, and makes matrices orthonormal while the model learns', async (t) => {
  /** Mean distance of the rows of A from orthonormal ones. */
  const apart = ({ model }: Training): number => {
    const all = model.parameters.trained().filter(({ name }) => name.endsWith('lora_A.weight'));
    const gaps = all.map(({ value }) =>
      scope(() => {
        const gram = ops.mm(value, ops.t(value));
        return item(ops.linalgVectorNorm(ops.sub(gram, ops.eye(3, { dtype: 'float64' }))));
      }),
    );
    return gaps.reduce((sum, one) => sum + one, 0) / gaps.length;
  };
  using training = new Training({ dtype: 'float64', adapter: adapterOf({ beta: 0, gamma: 1 }) });
  const before = apart(training);
  const parts = { ...training.parts, plan: { ...training.parts.plan, totalSteps: 20 } };
  await train(parts, freshState);
  t.true(apart(training) < 0.9 * before, `${apart(training)} of ${before}`);
  const steps = training.ofType('step');
  t.true((steps.at(-1)?.loss ?? 9) < (steps[0]?.loss ?? 0));
  const [first, last] = [steps[0], steps.at(-1)].map((one) => one?.regularization ?? Number.NaN);
  // Both matrices: B of zeros is the root of three away.
  t.true(Math.abs((first ?? 0) - before - Math.sqrt(3)) < 1e-9, `${first}, ${before}`);
  t.true((last ?? 9) < (first ?? 0));

  using plain = new Training({ dtype: 'float64' });
  await train(plain.parts, freshState);
  t.true(plain.ofType('step').every((one) => !('regularization' in one)));
});
