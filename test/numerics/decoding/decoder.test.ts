// Texts of different lengths in one batch, each as it would be alone.
import test, { type ExecutionContext } from 'ava';
import { pageTokens } from '../../../crds/plan/serving-memory.ts';
import { Decoder } from '../../../worker/decoding/decoder.ts';
import type { Question, Sequence } from '../../../worker/decoding/sequence.ts';
import type { Model } from '../../../worker/engine/model.ts';
import type { Tap } from '../../../worker/nn/linear.ts';
import { liveHandles } from '../../../worker/tensor/memory.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { setThreads } from '../../../worker/tensor/threads.ts';
import { aToyModel, countUp } from '../../builders/toy-training.ts';
import { lastLogits, rounding, shortfalls } from './whole-text.ts';

test.before(() => setThreads(1));

function aQuestion(length: number, maxTokens = 20): Question {
  const sampling = { temperature: 0, stop: new Set<number>(), draw: () => Number.NaN };
  return { ...sampling, prompt: countUp(length, length), maxTokens };
}

function whole(t: ExecutionContext, model: Model, { question, made, end }: Sequence): void {
  t.is(end, 'Length');
  const gaps = shortfalls(model, question.prompt, made);
  t.true(Math.max(...gaps) <= rounding, `${question.prompt.length}: ${gaps}`);
}

for (const name of ['llama', 'mistral-window', 'gemma3']) {
  test(`${name}: texts that begin and end at different steps go on as each would alone`, (t) => {
    const model = aToyModel({ name });
    using _parameters = model.parameters;
    const before = liveHandles();
    {
      using decoder = new Decoder(model, { pages: 40 });
      const made: Sequence[] = [];
      const lengths = [1, 3, pageTokens, pageTokens + 1, 30, 7];
      for (const [i, length] of lengths.entries()) {
        made.push(decoder.start(aQuestion(length, 12 + i)));
        if (i % 2 === 1) decoder.step();
      }
      t.true(decoder.live.length > 4);
      while (decoder.live.length > 0) decoder.step();
      for (const sequence of made) whole(t, model, sequence);
      t.is(decoder.freePages, 40);
    }
    t.is(liveHandles(), before, 'the cache is gone');
  });
}

test('one that leaves changes nothing for the others, and its pages serve the next', (t) => {
  const model = aToyModel();
  using _parameters = model.parameters;
  using decoder = new Decoder(model, { pages: 3 });
  const stays = decoder.start(aQuestion(5));
  const leaves = decoder.start(aQuestion(20, 10));
  t.false(decoder.fits(aQuestion(4)));
  for (let n = 0; n < 5; n += 1) decoder.step();
  decoder.drop(leaves);
  t.is(leaves.made.length, 5);
  t.true(decoder.fits(aQuestion(2, 10)));
  const next = decoder.start(aQuestion(2, 10));
  while (decoder.live.length > 0) decoder.step();
  whole(t, model, stays);
  whole(t, model, next);
});

test('with a top share only the most likely tokens are drawn, as often as their shares say', (t) => {
  const model = aToyModel();
  using _parameters = model.parameters;
  using decoder = new Decoder(model, { pages: 1 });
  const prompt = countUp(3, 5);
  const [temperature, topP] = [4, 0.6];
  const logits = lastLogits(model, prompt);
  const largest = Math.max(...logits);
  const weights = logits.map((z) => Math.exp((z - largest) / temperature));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const sorted = [...weights.entries()].sort((a, b) => b[1] - a[1]);
  let sum = 0;
  const kept = sorted.slice(
    0,
    1 +
      sorted.findIndex(([, weight]) => {
        sum += weight / total;
        return sum >= topP;
      }),
  );
  const expected: number[] = [];
  const found: number[] = [];
  let passed = 0;
  const share = kept.reduce((all, [, weight]) => all + weight, 0);
  for (const [id, weight] of kept) {
    // In the middle of its share, far from where rounding decides.
    const draw = (): number => (passed + weight / 2) / share;
    const question = { ...aQuestion(1, 1), prompt, temperature, topP, draw };
    const sequence = decoder.start(question);
    decoder.step();
    expected.push(id);
    found.push(...sequence.made);
    passed += weight;
  }
  t.true(kept.length > 1 && kept.length < weights.length);
  t.deepEqual(found, expected);
});

test('a text whose logits are not finite ends, and says so', (t) => {
  const model = aToyModel();
  using _parameters = model.parameters;
  const broken: Tap = (y) => ops.mulScalar(y, Number.NaN);
  using decoder = new Decoder(model, { pages: 2, tapOf: () => () => broken });
  const sequence = decoder.start(aQuestion(3));
  decoder.step();
  t.is(sequence.end, 'NotFinite');
  t.deepEqual(sequence.made, []);
  t.is(decoder.freePages, 2);
});
