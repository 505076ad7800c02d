// Log probabilities of prompts and answers beside a log-softmax of the forward of training.
import test, { type ExecutionContext } from 'ava';
import { pageTokens } from '../../../crds/plan/serving-memory.ts';
import { Decoder } from '../../../worker/decoding/decoder.ts';
import { logprobsOf, type TokenLogprob } from '../../../worker/decoding/logprobs.ts';
import type { Question, Sequence } from '../../../worker/decoding/sequence.ts';
import type { Model } from '../../../worker/engine/model.ts';
import type { Tap } from '../../../worker/nn/linear.ts';
import { liveHandles } from '../../../worker/tensor/memory.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { tensor } from '../../../worker/tensor/tensor.ts';
import { setThreads } from '../../../worker/tensor/threads.ts';
import { aToyModel, countUp } from '../../builders/toy-training.ts';
import { lastLogits, rounding } from './whole-text.ts';

test.before(() => setThreads(1));

function asked(length: number, more: Partial<Question> = {}): Question {
  const sampling = { temperature: 0, stop: new Set<number>(), draw: () => 0 };
  const logprobs = { top: 3, ofPrompt: true };
  return { ...sampling, prompt: countUp(length, length), maxTokens: 4, logprobs, ...more };
}

/** By id, in float64, of the token behind `ids`. */
function reference(model: Model, ids: readonly number[]): readonly number[] {
  const logits = lastLogits(model, ids);
  const largest = Math.max(...logits);
  const total = logits.reduce((sum, z) => sum + Math.exp(z - largest), 0);
  return logits.map((z) => z - largest - Math.log(total));
}

// The logits differ by `rounding`, and so does the logarithm of the sum of their exponentials.
const bound = 2 * rounding;

function isTold(t: ExecutionContext, model: Model, { question, made, logprobs }: Sequence): void {
  const { prompt } = question;
  const text = [...prompt, ...made];
  t.deepEqual(
    logprobs.map(({ id }) => id),
    text.slice(1),
  );
  for (const [i, { id, logprob, top }] of logprobs.entries()) {
    const all = reference(model, text.slice(0, i + 1));
    t.true(Math.abs(logprob - (all[id] ?? Number.NaN)) <= bound, `${prompt.length}, token ${i}`);
    const likeliest = all.toSorted((a, b) => b - a);
    t.is(top.length, 3);
    // Who compares them to see whether a token was the likeliest gets the same bits.
    t.is(top.find((one) => one.id === id)?.logprob ?? logprob, logprob);
    for (const [k, one] of top.entries()) {
      t.true(Math.abs(one.logprob - (likeliest[k] ?? Number.NaN)) <= bound);
      t.true(Math.abs(one.logprob - (all[one.id] ?? Number.NaN)) <= bound, 'of the token it names');
    }
  }
}

for (const name of ['llama', 'mistral-window', 'gemma3']) {
  for (const promptRows of [1, 7, 100]) {
    test(`${name}: tokens are as likely as the whole text says, ${promptRows} rows at once`, (t) => {
      const model = aToyModel({ name });
      using _parameters = model.parameters;
      const before = liveHandles();
      {
        using decoder = new Decoder(model, { pages: 40, promptRows });
        const found: Sequence[] = [];
        for (const length of [1, 2, pageTokens + 1, 30]) {
          found.push(decoder.start(asked(length)));
          if (length > 1) decoder.step();
        }
        while (decoder.live.length > 0) decoder.step();
        for (const sequence of found) isTold(t, model, sequence);
      }
      t.is(liveHandles(), before);
    });
  }
}

const valuesOf = (found: readonly TokenLogprob[]): readonly number[] =>
  found.flatMap(({ logprob, top }) => [logprob, ...top.map((one) => one.logprob)]);

test('what is read beside a prompt changes its log probabilities by rounding alone', (t) => {
  const model = aToyModel();
  using _parameters = model.parameters;
  const read = (others: readonly Question[]) => {
    using decoder = new Decoder(model, { pages: 40, promptRows: 8 });
    const own = decoder.start(asked(12, { maxTokens: 0 }));
    for (const other of others) decoder.start(other);
    decoder.step();
    t.is(own.end, 'Length');
    t.deepEqual(own.made, []);
    return valuesOf(own.logprobs);
  };
  const alone = read([]);
  t.is(alone.length, 4 * 11);
  const beside = read([asked(30), asked(3, { maxTokens: 9 }), asked(17, { maxTokens: 0 })]);
  const gaps = alone.map((value, i) => Math.abs(value - (beside[i] ?? Number.NaN)));
  t.true(Math.max(...gaps) <= bound, `${Math.max(...gaps)}`);
});

test('a temperature changes what is drawn, and not how likely the model holds it', (t) => {
  const model = aToyModel();
  using _parameters = model.parameters;
  using decoder = new Decoder(model, { pages: 4 });
  const sequence = decoder.start(asked(5, { temperature: 2, topP: 0.7, draw: () => 0.9 }));
  while (decoder.live.length > 0) decoder.step();
  isTold(t, model, sequence);
});

test('a token that ends a text is told with it', (t) => {
  const model = aToyModel();
  using _parameters = model.parameters;
  const prompt = countUp(6, 6);
  const [first] = reference(model, prompt)
    .map((value, id) => ({ value, id }))
    .toSorted((a, b) => b.value - a.value);
  using decoder = new Decoder(model, { pages: 4 });
  const stop = new Set([first?.id ?? 0]);
  const logprobs = { top: 0, ofPrompt: false };
  const sequence = decoder.start(asked(6, { stop, logprobs }));
  decoder.step();
  t.deepEqual([sequence.end, sequence.made], ['Stop', []]);
  t.deepEqual(
    sequence.logprobs.map(({ id, top }) => [id, top]),
    [[first?.id, []]],
  );
});

test('a prompt that is not finite ends its text, wherever that is', (t) => {
  const model = aToyModel();
  using _parameters = model.parameters;
  // The rows of one token, whose keys and values later tokens read.
  const broken: Tap = (y) => ops.mul(y, tensor([1, 1, Number.NaN, 1, 1], [5, 1], 'float32'));
  using decoder = new Decoder(model, { pages: 2, tapOf: () => () => broken });
  const sequence = decoder.start(asked(5));
  decoder.step();
  t.is(sequence.end, 'NotFinite');
  scope(() => {
    const logits = tensor([0, 1, Number.NaN, 2, 0, 0], [2, 3], 'float32');
    t.is(logprobsOf(logits, [1, 1], 1), null);
    t.is(logprobsOf(ops.narrow(logits, 0, 1, 1), [1], 9)?.[0]?.top.length, 3);
  });
});
