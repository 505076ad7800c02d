import test from 'ava';
import { readQuantNasConfig } from '../../../worker/quantnas/config.ts';
import { genotypeOf } from '../../../worker/quantnas/genotype.ts';
import { supernetJson } from '../../toy/quantnas-json.ts';

const operations = ['simple_1x1', 'simple_3x3'];
const config = readQuantNasConfig(supernetJson({ operations }));

test('each place has the choice with the largest weight, the first of equals', (t) => {
  if (config.family !== 'quantnas-supernet') return t.fail();
  const alphas = [
    [
      [0, 0, 0, 2],
      [0, 0, 0, 0],
    ],
    [
      [-1, 3, 0, 0],
      [0, 0, 5, 4],
    ],
  ];
  const found = genotypeOf(config, (layer, place) => alphas[layer]?.[place] ?? []);
  t.deepEqual(
    found.genotype.map((cell) => cell.map(({ operation, bits }) => `${operation}/${bits}`)),
    [
      ['simple_3x3/8', 'simple_1x1/4'],
      ['simple_1x1/8', 'simple_3x3/4'],
    ],
  );
  // Four channels: 16 products at a place of the kernel.
  t.is(found.bitOpsPerPixel, 16 * (9 * 64 + 16 + 64 + 9 * 16));
  t.deepEqual(found.uniformBitOpsPerPixel, { 4: 16 * 20 * 16, 8: 16 * 20 * 64 });
  const [first] = found.weights;
  const sum = Object.values(first?.[0] ?? {}).reduce((all, one) => all + one, 0);
  t.true(Math.abs(sum - 1) < 1e-12);
  t.is(first?.[1]?.['simple_3x3/8'], 0.25);
});
