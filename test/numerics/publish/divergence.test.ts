// Values of single tokens beside those of the decoder that is written down literally.
import test from 'ava';
import { tokenScores } from '../../../worker/publish/divergence.ts';
import { divergenceOf } from '../../../worker/publish/divergence-statistics.ts';
import { liveHandles } from '../../../worker/tensor/memory.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { streamOf } from '../../../worker/tensor/streams.ts';
import { tensor, toArray } from '../../../worker/tensor/tensor.ts';
import { setThreads } from '../../../worker/tensor/threads.ts';
import { aToyModel, countUp } from '../../builders/toy-training.ts';
import { aModel, aSequence } from '../../builders/training.ts';
import { goldenConfig, goldenTensors } from '../../toy/golden.ts';
import { goldenCase } from '../../toy/make-toy.ts';
import { document, referenceLogits } from '../../toy/reference-decoder.ts';

const damagedName = 'model.layers.1.mlp.gate_proj.weight';
const texts = [countUp(0, 12), countUp(5, 3), countUp(31, 7)];

for (const name of ['llama', 'gemma2']) {
  test.serial(
    `${name}: losses, divergence and agreement of each token are those of the logits`,
    async (t) => {
      setThreads(1);
      const golden = goldenCase(name);
      const [trained, artifact] = [aModel(golden), aModel(golden)];
      using _trained = trained.parameters;
      using _artifact = artifact.parameters;
      scope(() => ops.mulScalar_(artifact.parameters.value(damagedName), 1.5));
      const [first = [], ...others] = texts;
      const sequences = [aSequence([first]), aSequence(others)];
      const handles = liveHandles();
      const seen: number[] = [];
      const found = await tokenScores({ trained, artifact }, sequences, (tokens) =>
        seen.push(tokens),
      );
      t.is(liveHandles(), handles);
      t.deepEqual(seen, [0, 12]);
      t.deepEqual(found.documents, [11, 2, 6]);
      const expected = texts.flatMap((ids) => {
        const [p, q] = [logsOf(name, ids, 1), logsOf(name, ids, 1.5)];
        return ids.slice(1).map((label, position) => tokenOf(p[position], q[position], label));
      });
      const close = (a: number | undefined, b: number) => Math.abs((a ?? Number.NaN) - b) <= 1e-9;
      for (const [token, one] of expected.entries()) {
        t.true(close(found.trained[token], one.trained), `${token}`);
        t.true(close(found.artifact[token], one.artifact), `${token}`);
        t.true(close(found.divergence[token], one.divergence), `${token}`);
        t.is(found.agrees[token], one.agrees);
      }
      t.is(found.trained.length, expected.length);
      t.true(Math.max(...found.divergence) > 1e-4);
      const same = await tokenScores({ trained, artifact: trained }, sequences, () => {});
      t.deepEqual(
        same.divergence,
        same.divergence.map(() => 0),
      );
      t.deepEqual(same.artifact, same.trained);
    },
  );
}

/** Logarithms of probabilities, position by position. */
function logsOf(name: string, ids: readonly number[], scale: number): readonly number[][] {
  return scope(() => {
    const config = goldenConfig(goldenCase(name));
    const weights = new Map(
      [...goldenTensors(config)].map(([each, { spec, values }]) => [
        each,
        tensor(
          values.map((value) => (each === damagedName ? scale * value : value)),
          spec.shape,
        ),
      ]),
    );
    const logits = toArray(referenceLogits({ config, weights }, document(ids)));
    return ids.map((_, position) => {
      const row = logits.slice(position * config.V, (position + 1) * config.V);
      const largest = Math.max(...row);
      const total = largest + Math.log(row.reduce((sum, z) => sum + Math.exp(z - largest), 0));
      return row.map((z) => z - total);
    });
  });
}

function tokenOf(p: readonly number[] = [], q: readonly number[] = [], label: number) {
  const best = (logs: readonly number[]) => logs.indexOf(Math.max(...logs));
  return {
    trained: -(p[label] ?? Number.NaN),
    artifact: -(q[label] ?? Number.NaN),
    divergence: p.reduce((sum, log, i) => sum + Math.exp(log) * (log - (q[i] ?? 0)), 0),
    agrees: best(p) === best(q),
  };
}

test.serial('any number of threads gives the same bits', async (t) => {
  const bits: unknown[] = [];
  for (const threads of [1, 2]) {
    setThreads(threads);
    // A vocabulary of more values than one thread's share.
    const config = { vocab_size: 70_000, hidden_size: 64, intermediate_size: 96 };
    const [trained, artifact] = [aToyModel({ config }), aToyModel({ config })];
    using _trained = trained.parameters;
    using _artifact = artifact.parameters;
    scope(() => ops.mulScalar_(artifact.parameters.value(damagedName), 1.5));
    const sequences = [aSequence([countUp(0, 100), countUp(7, 30)])];
    const scores = await tokenScores({ trained, artifact }, sequences, () => {});
    bits.push({ scores, found: divergenceOf(scores, streamOf(1, 'evaluation', 'documents')) });
  }
  t.deepEqual(bits[1], bits[0]);
});
