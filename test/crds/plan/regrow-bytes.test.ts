import test from 'ava';
import { method } from '../../../crds/api/method.ts';
import { resolveMethod } from '../../../crds/methods/resolve.ts';
import { largestProducts } from '../../../crds/methods/spiel.ts';
import { memoryConstants } from '../../../crds/plan/memory-constants.ts';
import type { DecoderFacts } from '../../../crds/plan/model-facts.ts';
import { optimizerBytes } from '../../../crds/plan/optimizer-bytes.ts';
import { regrowWorking } from '../../../crds/plan/regrow-bytes.ts';

const facts: DecoderFacts = {
  kind: 'decoder',
  ...{ V: 1000, H: 64, L: 3, NH: 4, NK: 2, D: 16, I: 160 },
  ...{ tied: true, fused: false, qkNorm: false, sandwichNorms: false },
  bias: { qkv: false, o: false, mlp: false },
};

const resolved = (written: unknown) => resolveMethod(method.parse(written));
const byMomenta = { preset: 'SpIELMA', adapter: { type: 'SpIEL', spiel: { density: '0.05' } } };

test('products that may be among the largest are those of row and column ranks below a hyperbola', (t) => {
  for (const [rows, columns, most] of [
    [7, 5, 12],
    [5, 7, 70],
    [1, 9, 3],
    [30, 40, 100],
  ] as const) {
    let count = 0;
    for (let row = 1; row <= rows; row += 1)
      for (let column = 1; column <= columns; column += 1) if (row * column <= most) count += 1;
    t.is(largestProducts(rows, columns, most), count);
  }
});

test('SM3 has a float32 sum for each row and column of a weight, and nothing for its values', (t) => {
  // Of q and o, k and v, gate and up and down.
  const lines = 2 * (64 + 64) + 2 * (64 + 32) + 3 * (64 + 160);
  t.is(optimizerBytes(facts, resolved(byMomenta)).blocks, 3 * 4 * lines);
});

test('scores of the largest weight are planned where values grow by momenta alone', (t) => {
  const looked = largestProducts(160, 64, 2 * Math.floor(0.05 * 160 * 64));
  t.is(regrowWorking(facts, resolved(byMomenta)), memoryConstants.scoreBytes * looked);
  t.is(regrowWorking(facts, resolved({ preset: 'SpIEL' })), 0);
  t.is(regrowWorking(facts, resolved({ preset: 'PaCA' })), 0);
});
