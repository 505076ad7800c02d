import test from 'ava';
import { type Parameter, Parameters } from '../../../worker/engine/parameters.ts';
import { codeNearest } from '../../../worker/methods/weights/affine-groups.ts';
import { grad, leaf, withTape } from '../../../worker/tensor/autograd.ts';
import { memoryStatistics } from '../../../worker/tensor/memory.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { normal } from '../../../worker/tensor/rng.ts';
import { keep, scope } from '../../../worker/tensor/scope.ts';
import { streamOf } from '../../../worker/tensor/streams.ts';
import { type Tensor, toArray } from '../../../worker/tensor/tensor.ts';

/** All that `Parameters` asks of a tensor is to end. */
function aParameter(name: string, changes: Partial<Parameter> = {}, onEnd = () => {}): Parameter {
  const value = { dispose: onEnd } as unknown as Tensor;
  return {
    ...{ name, layer: 0, value, shape: [], role: 'trained', learningRateFactor: 1, decayed: true },
    ...changes,
  };
}

function some(): Parameters {
  const parameters = new Parameters();
  parameters.add(aParameter('model.embed_tokens.weight', { layer: 'embedding', role: 'frozen' }));
  parameters.add(aParameter('model.layers.0.a', { layer: 0 }));
  parameters.add(aParameter('model.layers.1.a', { layer: 1, role: 'frozen' }));
  parameters.add(aParameter('model.layers.1.b', { layer: 1 }));
  parameters.add(aParameter('model.norm.weight', { layer: 'head' }));
  return parameters;
}

const namesOf = (list: readonly Parameter[]) => list.map(({ name }) => name);

test('parameters are found by name and by place, trained ones apart', (t) => {
  const parameters = some();
  t.is(parameters.all().length, 5);
  t.true(parameters.has('model.layers.1.a'));
  t.false(parameters.has('model.layers.2.a'));
  t.is(parameters.get('model.layers.1.b').layer, 1);
  t.is(parameters.value('model.layers.1.b'), parameters.get('model.layers.1.b').value);
  t.deepEqual(namesOf(parameters.trained()), [
    ...['model.layers.0.a', 'model.layers.1.b', 'model.norm.weight'],
  ]);
  t.deepEqual(namesOf(parameters.trainedAt(1)), ['model.layers.1.b']);
  t.deepEqual(namesOf(parameters.trainedAt('embedding')), []);
  t.deepEqual(namesOf(parameters.trainedAt('head')), ['model.norm.weight']);
});

test('a name is there once, and one that is not there is told', (t) => {
  const parameters = some();
  t.throws(() => parameters.add(aParameter('model.norm.weight')), {
    message: 'model.norm.weight was added twice',
  });
  t.throws(() => parameters.get('model.other'), { message: 'the model has no tensor model.other' });
});

test('with the parameters their tensors end, once', (t) => {
  const parameters = new Parameters();
  let ended = 0;
  const onEnd = () => {
    ended += 1;
  };
  parameters.add(aParameter('a', {}, onEnd));
  parameters.add(aParameter('b', { role: 'frozen' }, onEnd));
  parameters[Symbol.dispose]();
  parameters[Symbol.dispose]();
  t.is(ended, 2);
  t.deepEqual(parameters.all(), []);
});

const draw = (shape: readonly number[], name: string): Tensor =>
  normal(shape, 1, streamOf(1, 'parameters.test', name));

/** Two blocks of one matrix each, in codes of 8 bits. */
function inCodes(): Parameters {
  const parameters = new Parameters();
  for (const layer of [0, 1]) {
    const { codes, scales, zeros } = scope(() => codeNearest(draw([256, 512], `${layer}`), 8));
    const parts = { scales: keep(scales), zeros: keep(zeros) };
    parameters.add(
      aParameter(`model.layers.${layer}.a`, {
        ...{ layer, value: keep(codes), shape: [256, 512] },
        coded: { type: 'Groups', parts },
      }),
    );
  }
  return parameters;
}

test('quantized values are decoded with their layer, and a tape finds them when they are decoded again', (t) => {
  scope(() => {
    using parameters = inCodes();
    const name = 'model.layers.0.a';
    const held = () => memoryStatistics().tensorBytes;
    const x = draw([4, 512], 'x');
    const g = draw([4, 256], 'g');
    const exact = scope(() => {
      const [wide, weight] = [g, parameters.value(name)].map((x) => ops.to(x, 'float64'));
      const ofAbsolutes = ops.matmul(ops.abs(wide!), ops.abs(weight!));
      return { value: toArray(ops.matmul(wide!, weight!)), absolute: toArray(ofAbsolutes) };
    });
    const record = () =>
      withTape(() => {
        const [input, weight] = [leaf(x), leaf(parameters.value(name))];
        return { input, output: ops.linear(input, ops.to(weight, 'float32')) };
      });
    const before = held();
    parameters.decodeLayer(0);
    t.is(held() - before, 256 * 512 * 2, 'one matrix in bfloat16, and nothing of the other block');
    t.is(parameters.value(name), parameters.value(name));
    const tape = record();
    const whole = held();
    parameters.releaseDecoded(0);
    t.is(whole - held(), 256 * 512 * 2);
    parameters.decodeLayer(0);
    const [gradient] = grad([tape.output], [tape.input], [g]);
    // A sum of 256 products in float32, in whatever order: each term is rounded at most 256 times.
    const unit = 256 * 2 ** -24;
    const found = toArray(gradient!);
    t.is(found.length, exact.value.length);
    const gaps = found.map((value, i) => Math.abs(value - exact.value[i]!) / exact.absolute[i]!);
    t.true(Math.max(...gaps) <= unit, `${Math.max(...gaps)} of ${unit}`);
  });
});

test('decoding a layer again reads the present codes', (t) => {
  scope(() => {
    using parameters = inCodes();
    const values = () => toArray(parameters.value('model.layers.1.a'));
    parameters.decodeLayer(1);
    const first = values();
    parameters.releaseDecoded(1);
    t.deepEqual(values(), first, 'between, each caller gets its own decoded copy');
    const { value } = parameters.get('model.layers.1.a');
    ops.copy_(
      value,
      scope(() => codeNearest(draw([256, 512], 'other'), 8).codes),
    );
    const second = values();
    t.notDeepEqual(second, first);
    parameters.decodeLayer(1);
    t.deepEqual(values(), second);
  });
});
