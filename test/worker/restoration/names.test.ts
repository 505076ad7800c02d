import test from 'ava';
import { linearsOf } from '../../../crds/methods/linears.ts';
import { adaptedLinears, parametersOf } from '../../../crds/plan/parameters.ts';
import { confirmTensors } from '../../../worker/decoder/confirm.ts';
import { factsOf, placesOf } from '../../../worker/decoder/registry.ts';
import { parameterCount } from '../../../worker/decoder/sizes.ts';
import { shapeInMemory } from '../../../worker/families/family.ts';
import { readRestorationConfig } from '../../../worker/restoration/config.ts';
import { restorationTensors } from '../../../worker/restoration/names.ts';

const published = readRestorationConfig({ model_type: 'srvgg' });

test('tensors have the names and shapes of the published files', (t) => {
  const shapes = restorationTensors(published).map(({ name, shape }) => [name, shape]);
  t.is(shapes.length, 18 * 2 + 17);
  t.deepEqual(shapes.slice(0, 6), [
    ['body.0.weight', [64, 3, 3, 3]],
    ['body.0.bias', [64]],
    ['body.1.weight', [64]],
    ['body.2.weight', [64, 64, 3, 3]],
    ['body.2.bias', [64]],
    ['body.3.weight', [64]],
  ]);
  t.deepEqual(shapes.slice(-2), [
    ['body.34.weight', [48, 64, 3, 3]],
    ['body.34.bias', [48]],
  ]);
  t.is(parameterCount(published), 621_424, 'the published size');
});

test('a block is two convolutions with the slopes behind them', (t) => {
  t.deepEqual(placesOf(published).order, ['inlet', 0, 1, 2, 3, 4, 5, 6, 7, 'outlet']);
  const own = restorationTensors(published).filter(({ place }) => place === 7);
  t.deepEqual(
    own.map(({ name }) => name),
    ['body.30', 'body.31', 'body.32', 'body.33'].flatMap((path, i) =>
      i % 2 === 0 ? [`${path}.weight`, `${path}.bias`] : [`${path}.weight`],
    ),
  );
});

test('a convolution in a file is a matrix on patches in memory, and nothing else changes', (t) => {
  for (const spec of restorationTensors(published)) {
    const [out = 0, ...inputs] = spec.shape;
    const expected = spec.kind === 'conv' ? [out, inputs.reduce((a, b) => a * b, 1)] : spec.shape;
    t.deepEqual(shapeInMemory(spec), expected);
  }
});

test('plans count the values that the tensors have, and the convolutions of a block', (t) => {
  for (const scale of [1, 4]) {
    const config = readRestorationConfig({ model_type: 'srvgg', num_conv: 4, upscale: scale });
    const facts = factsOf(config);
    t.is(parametersOf(facts).total, parameterCount(config));
    t.deepEqual(
      linearsOf(facts).map(({ path, out, in: inputs, kernel }) => [path, out, inputs, kernel]),
      ['body.2', 'body.4'].map((path) => [path, 64, 576, 3]),
    );
  }
});

test('adapters go to all convolutions of the blocks, which have no names that repeat', (t) => {
  const facts = factsOf(published);
  t.is(adaptedLinears(facts, ['AllLinear']).length, 2);
  t.throws(() => adaptedLinears(facts, ['body.2']), {
    message: /targetModules\[0\] is body\.2; it must be AllLinear$/,
  });
});

test('a file with another kernel contradicts its configuration', (t) => {
  const found = new Map(
    restorationTensors(published).map(({ name, shape }) => [name, { shape, file: 'f' }]),
  );
  found.set('body.4.weight', { shape: [64, 64, 1, 1], file: 'f' });
  t.throws(() => confirmTensors(published, found, 'm'), {
    message:
      /body\.4\.weight is \[64, 64, 1, 1\] in f; it must be \[64, 64, 3, 3\], from num_feat=64/,
  });
});
