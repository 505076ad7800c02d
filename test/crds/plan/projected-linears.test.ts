// Which matrices are projected, and to how many directions.
import test from 'ava';
import { method as methodSchema } from '../../../crds/api/method.ts';
import { resolveMethod } from '../../../crds/methods/resolve.ts';
import { optimizerBytes } from '../../../crds/plan/optimizer-bytes.ts';
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

test('Natural GaLore of both sides has moments and a history of rank x rank, and a second basis', (t) => {
  const of = (sides: 'One' | 'Both') => {
    const naturalGalore = { rank: 8, history: 3, sides } as const;
    const optimizer = { type: 'NaturalGaLore', naturalGalore } as const;
    return resolveMethod(
      methodSchema.parse({ preset: 'NaturalGaLore', precision: { type: 'Float32' }, optimizer }),
    );
  };
  const sides = (projectedLinears(smol135, of('Both')) ?? []).map(({ smaller, larger }) => [
    smaller,
    larger,
  ]);
  const bytes = (low: (larger: number) => number, bases: (two: readonly number[]) => number) =>
    sides.reduce(
      (sum, [smaller = 0, larger = 0]) =>
        // Two moments in float32, three gradients in bfloat16, their products in float64.
        sum + low(larger) * (8 + 3 * 2) + 8 * bases([smaller, larger]) * 4 + 8 * 3 ** 2,
      0,
    );
  // Vectors of a block have two moments.
  const vectors = 30 * 8 * 2 * 576;
  t.is(
    optimizerBytes(smol135, of('One')).blocks,
    30 *
      bytes(
        (larger) => 8 * larger,
        ([smaller = 0]) => smaller,
      ) +
      vectors,
  );
  t.is(
    optimizerBytes(smol135, of('Both')).blocks,
    30 *
      bytes(
        () => 64,
        ([smaller = 0, larger = 0]) => smaller + larger,
      ) +
      vectors,
  );
});
