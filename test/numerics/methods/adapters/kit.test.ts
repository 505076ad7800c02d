// What every adapter must hold, with the rows of test/methods/adapters: nothing changes before the
// first step, the merged weight computes the same, gradients follow from the gradient of the dense
// weight, fixed tensors stay as they are, and the counts are those of the plan.

import test from 'ava';
import type { AdapterShape } from '../../../../crds/methods/adapter-shapes.ts';
import { adapterEntries, adapterShape } from '../../../../crds/methods/adapter-traits.ts';
import { resolveMethod } from '../../../../crds/methods/resolve.ts';
import { freshState } from '../../../../worker/checkpoint/trainer-state.ts';
import { decoderConfig } from '../../../../worker/decoder/config.ts';
import { hiddenStates } from '../../../../worker/engine/forward.ts';
import { type Model, tensorName, tensorsOf } from '../../../../worker/engine/model.ts';
import { adapterOf } from '../../../../worker/methods/adapters/index.ts';
import { optimizerOf } from '../../../../worker/methods/index.ts';
import * as ops from '../../../../worker/tensor/ops.generated.ts';
import { normal } from '../../../../worker/tensor/rng.ts';
import { scope } from '../../../../worker/tensor/scope.ts';
import { streamOf } from '../../../../worker/tensor/streams.ts';
import { tensor, toArray, toBytes } from '../../../../worker/tensor/tensor.ts';
import { train } from '../../../../worker/train/loop.ts';
import { denseChangeOf } from '../../../builders/dense-change.ts';
import { factorsInMemory } from '../../../builders/initial-factors.ts';
import { aToyModel, countUp, Training, toySource } from '../../../builders/toy-training.ts';
import { aSequence, gradientsOf } from '../../../builders/training.ts';
import { rowsOf } from '../../../methods/adapter-trials.ts';

const cases = rowsOf('identities');

type Method = (typeof cases)[string]['method'];

const adapterFor = (method: Method) => adapterOf(resolveMethod(method), 5n, 'float64');
const shapeOf = (method: Method, { config }: Model): AdapterShape => {
  const shape = adapterShape(resolveMethod(method), decoderConfig(config));
  if (shape === null) throw new Error('no adapter');
  return shape;
};

/** Hidden states of a few tokens, one after the other. */
function hidden(model: Model): readonly number[] {
  return scope(() => toArray(hiddenStates(model, Int32Array.from(countUp(1, 9)))));
}

/** Gives a model without an adapter the weights of one with. */
function copyBase(plain: Model, { adapted, parameters }: Model): void {
  scope(() => {
    for (const { path } of adapted.values()) {
      const name = `${path}.weight`;
      ops.copy_(plain.parameters.value(name), parameters.value(name));
    }
  });
}

/** Moves what trains away from where it begins, where gradients of some are zero. */
function moveAdapter({ parameters }: Model): void {
  for (const { name, value } of parameters.trained()) {
    scope(() => ops.add_(value, normal(value.shape, 0.05, streamOf(3n, name), 'float64')));
  }
}

/** The same, and the change that it adds. */
function addAdapter(plain: Model, model: Model): void {
  copyBase(plain, model);
  scope(() => {
    for (const { path } of model.adapted.values()) {
      const delta = tensorsOf(model, new Map(), null).delta(path);
      if (delta === null) throw new Error(path);
      const weight = plain.parameters.value(`${path}.weight`);
      ops.add_(weight, denseChangeOf(delta, weight.shape, 'float64'));
    }
  });
}

function gap(found: readonly number[], expected: readonly number[]): number {
  const most = Math.max(...expected.map(Math.abs));
  return Math.max(...found.map((x, i) => Math.abs(x - (expected[i] ?? Number.NaN)))) / most;
}

test('every adapter is in the kit', (t) => {
  const held = new Set(Object.values(cases).map(({ method }) => method.adapter?.type));
  // Experts that tokens choose are no change of a weight: mixlora.test.ts.
  const changes = adapterEntries.filter(({ type }) => type !== 'MixLoRA');
  for (const { type } of changes) t.true(held.has(type), type);
});

for (const [name, each] of Object.entries(cases)) {
  const { method, start, gradients, loses = false, layers = 3 * 7 } = each;
  test(`${name}: the model computes the same before the first step`, (t) => {
    const plain = aToyModel({ dtype: 'float64' });
    const adapted = aToyModel({ dtype: 'float64', adapter: adapterFor(method) });
    using _one = plain.parameters;
    using _two = adapted.parameters;
    if (loses) copyBase(plain, adapted);
    const found = gap(hidden(adapted), hidden(plain));
    t.true(found <= start + 1e-12, `${found}`);
    t.is(adapted.adapted.size, layers);
  });

  test(`${name}: weight decay pulls to the model of the files, or spares a tensor`, (t) => {
    const plain = aToyModel({ dtype: 'float64' });
    const adapted = aToyModel({ dtype: 'float64', adapter: adapterFor(method) });
    using _one = plain.parameters;
    using _two = adapted.parameters;
    if (loses) copyBase(plain, adapted);
    for (const { decayed, value } of adapted.parameters.trained()) {
      if (decayed) scope(() => ops.copy_(value, ops.zerosLike(value)));
    }
    const found = gap(hidden(adapted), hidden(plain));
    t.true(found <= 1e-12, `${found}`);
  });

  test(`${name}: trains its tensors alone, and merged weights compute the same`, async (t) => {
    const optimizer = optimizerOf(resolveMethod(method), 1e-2);
    using training = new Training({ dtype: 'float64', adapter: adapterFor(method), optimizer });
    const { model } = training;
    const fixed = () =>
      model.parameters
        .all()
        .filter(({ role }) => role === 'kept' || role === 'frozen')
        .map(({ name: each, value }) => [each, Buffer.from(toBytes(value))] as const);
    const before = fixed();
    await train(training.parts, freshState);
    const [first, last] = [training.ofType('step').at(0), training.ofType('step').at(-1)];
    t.true((last?.loss ?? 9) < (first?.loss ?? 0), `${first?.loss} to ${last?.loss}`);
    t.deepEqual(fixed(), before);

    const merged = aToyModel({ dtype: 'float64' });
    using _merged = merged.parameters;
    addAdapter(merged, model);
    t.true(gap(hidden(model), hidden(merged)) < 1e-10);
  });

  test(`${name}: gradients follow from that of the dense weight`, (t) => {
    const adapted = aToyModel({ dtype: 'float64', adapter: adapterFor(method) });
    using _two = adapted.parameters;
    const { adapter } = adapted;
    if (adapter === null) throw new Error('no adapter');
    moveAdapter(adapted);
    const sequences = [aSequence([countUp(0, 12)]), aSequence([countUp(3, 7)])];
    const found = gradientsOf(adapted, sequences);
    // The dense gradient of the model that the adapter makes.
    const dense = aToyModel({ dtype: 'float64' });
    using _one = dense.parameters;
    addAdapter(dense, adapted);
    const expected = gradientsOf(dense, sequences);
    let compared = 0;
    for (const { path, out, in: inputs } of adapted.adapted.values()) {
      scope(() => {
        const G = tensor(expected.gradients.get(`${path}.weight`) ?? [], [out, inputs], 'float64');
        const own = (suffix: string) => adapted.parameters.value(tensorName(adapter, path, suffix));
        for (const [suffix, gradient] of Object.entries(gradients(own, G))) {
          const got = found.gradients.get(`${path}.${suffix}`) ?? [];
          const want = toArray(gradient);
          t.is(got.length, want.length, suffix);
          const scale = Math.max(...toArray(G).map(Math.abs));
          const worst = Math.max(...got.map((x, i) => Math.abs(x - (want[i] ?? Number.NaN))));
          t.true(worst <= 1e-9 * scale * Math.max(1, ...want.map(Math.abs)), `${path} ${suffix}`);
          compared += 1;
        }
      });
    }
    t.true(compared >= layers);
  });

  test(`${name}: its values are as many as the plan counts`, (t) => {
    const adapter = adapterFor(method);
    const model = aToyModel({ adapter });
    const { parameters, adapted, config } = model;
    using _parameters = parameters;
    using factors = factorsInMemory(toySource({}), adapter);
    const shape = shapeOf(method, model);
    const lastPart = (path: string) => path.slice(path.lastIndexOf('.') + 1);
    const byName = Map.groupBy(adapted.values(), ({ path }) => lastPart(path));
    for (const [name, own] of byName) {
      const count = (role: 'trained' | 'kept') =>
        parameters
          .all()
          .filter(
            (one) =>
              (one.role === 'chosen' ? 'kept' : one.role) === role &&
              own.some(({ path }) => one.name.startsWith(`${path}.`)),
          )
          .reduce((sum, { value }) => sum + value.numel, 0);
      const taken = own.reduce((sum, layer) => {
        const initial = (suffix: string) => factors.initial(`${layer.path}.${suffix}`);
        const part = adapter?.takesOver?.(layer, initial);
        return part === undefined ? sum : sum + part.left.numel + part.right.numel;
      }, 0);
      // A layer's own counts, or their mean over all blocks.
      const planned = shape.count({ name, ...own[0]! });
      const whole = [planned.trained, planned.kept, planned.taken].map((each) =>
        Math.round(each * config.L),
      );
      t.deepEqual([count('trained'), count('kept'), taken], whole, name);
    }
    const shared = parameters.all().filter((one) => one.layer === 'shared');
    const values = shared.reduce((sum, { value }) => sum + value.numel, 0);
    const { multipliedOut, shared: trained = 0 } = shape;
    t.is(values, (multipliedOut?.shared ?? 0) + trained, 'shared by all layers');
  });
}
