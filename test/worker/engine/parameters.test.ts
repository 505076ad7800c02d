import test from 'ava';
import { type Parameter, Parameters } from '../../../worker/engine/parameters.ts';
import type { Tensor } from '../../../worker/tensor/tensor.ts';

/** All that `Parameters` asks of a tensor is to end. */
function aParameter(name: string, changes: Partial<Parameter> = {}, onEnd = () => {}): Parameter {
  const value = { dispose: onEnd } as unknown as Tensor;
  return {
    ...{ name, place: 0, value, shape: [], trained: true, learningRateFactor: 1, decayed: true },
    ...changes,
  };
}

function some(): Parameters {
  const parameters = new Parameters();
  parameters.add(aParameter('model.embed_tokens.weight', { place: 'embedding', trained: false }));
  parameters.add(aParameter('model.layers.0.a', { place: 0 }));
  parameters.add(aParameter('model.layers.1.a', { place: 1, trained: false }));
  parameters.add(aParameter('model.layers.1.b', { place: 1 }));
  parameters.add(aParameter('model.norm.weight', { place: 'head' }));
  return parameters;
}

const namesOf = (list: readonly Parameter[]) => list.map(({ name }) => name);

test('parameters are found by name and by place, trained ones apart', (t) => {
  const parameters = some();
  t.is(parameters.all().length, 5);
  t.true(parameters.has('model.layers.1.a'));
  t.false(parameters.has('model.layers.2.a'));
  t.is(parameters.get('model.layers.1.b').place, 1);
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
  parameters.add(aParameter('b', { trained: false }, onEnd));
  parameters[Symbol.dispose]();
  parameters[Symbol.dispose]();
  t.is(ended, 2);
  t.deepEqual(parameters.all(), []);
});
