import test from 'ava';
import { parametersOf } from '../../../crds/plan/parameters.ts';
import { factsOf, placesOf } from '../../../worker/decoder/registry.ts';
import { parameterCount } from '../../../worker/decoder/sizes.ts';
import { readQuantNasConfig } from '../../../worker/quantnas/config.ts';
import { quantNasTensors } from '../../../worker/quantnas/names.ts';
import { foundJson, supernetJson } from '../../toy/quantnas-json.ts';

const supernet = readQuantNasConfig(supernetJson());
const found = readQuantNasConfig(foundJson());

test('a place that is searched has alphas and the weights of all operations', (t) => {
  const own = quantNasTensors(supernet).filter(({ name }) => name.startsWith('cells.1.0.'));
  t.deepEqual(
    own.map(({ name, shape }) => [name.replace('cells.1.0.', ''), shape]),
    [
      ['norm.weight', [4]],
      ['norm.bias', [4]],
      ['alphas', [10]],
      ['simple_1x1.0.weight', [4, 4, 1, 1]],
      ['simple_3x3.0.weight', [4, 4, 3, 3]],
      ['simple_5x5.0.weight', [4, 4, 5, 5]],
      ['simple_3x3_grouped_2.0.weight', [4, 2, 3, 3]],
      ['growth1_3x3.0.weight', [4, 4, 3, 3]],
      ['growth1_3x3.1.weight', [4, 4, 3, 3]],
    ],
  );
});

test('a place that was found has one operation, with a step for each row', (t) => {
  const own = quantNasTensors(found).filter(({ name }) => /^cells\.0\.\d\.\d\./.test(name));
  t.deepEqual(
    own.map(({ name, shape }) => [name, shape]),
    [
      ['cells.0.0.0.weight', [4, 2, 3, 3]],
      ['cells.0.0.0.log_step', [4]],
      ['cells.0.1.0.weight', [4, 4, 3, 3]],
      ['cells.0.1.0.log_step', [4]],
      ['cells.0.1.1.weight', [4, 4, 3, 3]],
      ['cells.0.1.1.log_step', [4]],
    ],
  );
});

for (const [name, config] of Object.entries({ searched: supernet, found })) {
  test(`cells are blocks, and plans count the tensors of a network that is ${name}`, (t) => {
    t.deepEqual(placesOf(config).order, ['inlet', 0, 1, 'outlet']);
    t.is(parametersOf(factsOf(config)).total, parameterCount(config));
  });
}
