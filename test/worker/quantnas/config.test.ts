import test from 'ava';
import { UserError } from '../../../crds/failures/errors.ts';
import { foundConfig, foundJson, readQuantNasConfig } from '../../../worker/quantnas/config.ts';
import { foundJson as foundToy, supernetJson } from '../../toy/quantnas-json.ts';

test('a space is read with its widths in order, and its surrogate', (t) => {
  const config = readQuantNasConfig(supernetJson({ bits: [8, 2] }), { surrogate: 'Rounding' });
  t.like(config, {
    ...{ family: 'quantnas-supernet', kind: 'restoration', H: 4, L: 2, scale: 2 },
    ...{ space: { bits: [2, 8] }, surrogate: 'Rounding' },
  });
});

test('what was found is read as it was written', (t) => {
  const supernet = readQuantNasConfig(supernetJson());
  const found = readQuantNasConfig(foundToy());
  if (supernet.family !== 'quantnas-supernet' || found.family !== 'quantnas') return t.fail();
  const own = foundConfig(supernet, found.genotype);
  t.deepEqual(own, found);
  t.deepEqual(readQuantNasConfig(foundJson(supernet, found.genotype)), found);
});

const refused = {
  'num_feat is 5; it must be even: channels may be in two groups': { num_feat: 5 },
  'operations: must name each operation once': { operations: ['simple_1x1', 'simple_1x1'] },
  'bits: must name each width once': { bits: [4, 4] },
  'bits.0: Invalid option: expected one of 2|3|4|8': { bits: [5] },
  'architectures[0] is "SRVGGNetCompact"': { architectures: ['SRVGGNetCompact'] },
  'num_cells: Too big: expected number to be <=64': { num_cells: 65 },
};

for (const [message, changes] of Object.entries(refused)) {
  test(`refused: ${message}`, (t) => {
    const error = t.throws(() => readQuantNasConfig(supernetJson(changes)), {
      instanceOf: UserError,
    });
    t.true(error.message.includes(message), error.message);
  });
}

test('a place without a choice, or with two many, is refused', (t) => {
  const choice = { operation: 'simple_1x1', bits: 4 };
  for (const cell of [[choice], [choice, choice, choice]]) {
    t.throws(() => readQuantNasConfig(foundToy({ genotype: [cell] })), { instanceOf: UserError });
  }
});
