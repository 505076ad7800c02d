import test from 'ava';
import type { DecoderFacts } from '../../../crds/plan/model-facts.ts';
import { requireShira } from '../../../crds/plan/shira.ts';
import { aSpec } from '../../builders/job.ts';

/** One key/value head of 64: its matrices are far smaller than those of the MLP. */
const facts: DecoderFacts = {
  kind: 'decoder',
  ...{ V: 32_000, H: 2048, L: 2, NH: 32, NK: 1, D: 64, I: 8192 },
  ...{ tied: true, fused: false, qkNorm: false, sandwichNorms: false },
  bias: { qkv: false, o: false, mlp: false },
};

const job = (density: string, changes = {}) =>
  aSpec({
    method: { preset: 'SpIEL', adapter: { type: 'SpIEL', spiel: { density } } },
    ...changes,
  });

test('a PEFT adapter of single values is refused where a small layer has fewer values than places', (t) => {
  t.throws(() => requireShira(job('0.1'), facts), {
    message: /spec.output.formats asks for PEFTAdapter, .* smallest layer/,
  });
  t.notThrows(() => requireShira(job('0.03'), facts));
  t.notThrows(() => requireShira(job('0.1', { 'output.formats': ['MergedSafetensors'] }), facts));
  t.notThrows(() => requireShira(aSpec({ 'method.preset': 'PaCA' }), facts));
});
