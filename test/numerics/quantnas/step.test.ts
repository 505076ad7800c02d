// A step of a network that is searched, and of one that was found.
import test from 'ava';
import { buildModel } from '../../../worker/engine/build-model.ts';
import type { Model } from '../../../worker/engine/model.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { tensor } from '../../../worker/tensor/tensor.ts';
import { setThreads } from '../../../worker/tensor/threads.ts';
import { tapesAreAlike, togetherAsAlone } from '../../builders/step-properties.ts';
import { gradientsOf } from '../../builders/training.ts';
import { quantNasSource } from '../../toy/quantnas.ts';
import { foundJson, supernetJson } from '../../toy/quantnas-json.ts';
import { pairSequence } from '../../toy/restoration.ts';
import type { Fields } from '../../toy/weights.ts';

test.before(() => setThreads(1));

function aNetwork(json: Fields, options = {}): Model {
  return buildModel(quantNasSource(json, options), {
    ...{ dtype: 'float64', adapter: null, sequenceLength: undefined },
  });
}

const networks = {
  searched: () => aNetwork(supernetJson()),
  'searched with rounding': () => aNetwork(supernetJson(), { surrogate: 'Rounding' }),
  found: () => aNetwork(foundJson()),
};

for (const [name, make] of Object.entries(networks)) {
  test(`a network that is ${name} has the same bits with every mode of tape`, (t) => {
    const model = make();
    using _parameters = model.parameters;
    tapesAreAlike(t, model, [pairSequence([1, 2]), pairSequence([3], { key: 1 })]);
  });
}

test('pictures in one sequence are the pictures alone', (t) => {
  const model = networks.found();
  using _parameters = model.parameters;
  togetherAsAlone(
    t,
    model,
    [1, 2, 3].map((seed, key) => pairSequence([seed], { key })),
    [pairSequence([1, 2, 3])],
  );
});

test('with noise, the gradient of what chooses is the slope of the loss', (t) => {
  const model = networks.searched();
  using _parameters = model.parameters;
  const batch = [pairSequence([1, 2])];
  const { gradients } = gradientsOf(model, batch);
  const own = model.parameters.all().filter(({ name }) => /alphas|phi|beta|norm/.test(name));
  t.is(own.length, 2 * (2 * 3 + 2));
  for (const { name, value } of own) {
    const loss = (step: number): number =>
      scope(() => {
        const kept = ops.clone(value);
        ops.add_(ops.narrow(value, 0, 0, 1), tensor([step], [1], 'float64'));
        const { loss: found } = gradientsOf(model, batch);
        ops.copy_(value, kept);
        return found;
      });
    const h = 1e-6;
    const slope = (loss(h) - loss(-h)) / (2 * h);
    const [found = Number.NaN] = gradients.get(name) ?? [];
    // 1e-16 of the loss over h; values that pass a corner in the step move their share of it.
    t.true(Math.abs(slope - found) <= 1e-6, `${name}: ${slope} and ${found}`);
  }
});

test('noise is that of a step: the same in every micro-batch for weights, its own for inputs', (t) => {
  const model = networks.searched();
  using _parameters = model.parameters;
  const first = gradientsOf(model, [pairSequence([1])]);
  t.deepEqual(gradientsOf(model, [pairSequence([1])]), first, 'named by the seed');
  const other = gradientsOf(model, [pairSequence([1], { key: 1 })]);
  t.not(other.loss, first.loss, 'inputs of another sequence have other noise');
});
