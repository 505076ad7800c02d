// Which matrices are projected, and to how many directions.
import test from 'ava';
import { resolveMethod } from '../../../crds/methods/resolve.ts';
import { projectedLinears } from '../../../crds/plan/projected-linears.ts';
import { smol135 } from '../../builders/facts.ts';

test('a quarter of the smaller side of each linear layer, or the rank that is asked for within it', (t) => {
  const quarter = projectedLinears(smol135, resolveMethod({ preset: 'GaLore' })) ?? [];
  t.deepEqual(
    quarter.map(({ smaller, larger, rank }) => [smaller, larger, rank]),
    [
      [576, 576, 144],
      [192, 576, 48],
      [192, 576, 48],
      [576, 576, 144],
      [576, 1536, 144],
      [576, 1536, 144],
      [576, 1536, 144],
    ],
  );
  const optimizer = { type: 'GaLore', galore: { rank: 256 } } as const;
  const asked = projectedLinears(smol135, resolveMethod({ preset: 'GaLore', optimizer })) ?? [];
  t.deepEqual(
    asked.map(({ rank }) => rank),
    [256, 192, 192, 256, 256, 256, 256],
  );
  t.is(projectedLinears(smol135, resolveMethod({ preset: 'Full' })), null);
});
