import test from 'ava';
import { requireKasa } from '../../../crds/plan/kasa.ts';
import type { DecoderFacts } from '../../../crds/plan/model-facts.ts';
import { aSpec } from '../../builders/job.ts';

/** One key/value head of 64: the smallest side of all. */
const facts: DecoderFacts = {
  kind: 'decoder',
  ...{ V: 32_000, H: 2048, L: 2, NH: 32, NK: 1, D: 64, I: 8192 },
  ...{ tied: true, fused: false, qkNorm: false, sandwichNorms: false },
  bias: { qkv: false, o: false, mlp: false },
};

const job = (formats: readonly string[], kasa = {}) =>
  aSpec({
    method: { preset: 'KaSA', adapter: { type: 'KaSA', kasa: { rank: 33, ...kasa } } },
    'output.formats': formats,
  });

test('the form of KaSA is refused where a small layer loses fewer components than the rank', (t) => {
  t.throws(() => requireKasa(job(['KaSA']), facts), {
    message: /takes rank = 33 components .* k_proj is 64 x 2048 and loses 32/,
  });
  t.notThrows(() => requireKasa(job(['KaSA'], { rank: 32 }), facts));
  t.notThrows(() => requireKasa(job(['KaSA'], { targetModules: ['o_proj', 'up_proj'] }), facts));
  t.notThrows(() => requireKasa(job(['PEFTAdapter']), facts));
});
