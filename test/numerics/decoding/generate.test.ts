import test from 'ava';
import { type GenerateOptions, generate } from '../../../worker/decoding/generate.ts';
import { liveHandles } from '../../../worker/tensor/memory.ts';
import { drawsOf, streamOf } from '../../../worker/tensor/streams.ts';
import { setThreads } from '../../../worker/tensor/threads.ts';
import { aToyModel, countUp } from '../../builders/toy-training.ts';
import { type GoldenCase, golden } from '../../toy/golden.ts';
import { lastLogits, rounding, shortfalls } from './whole-text.ts';

test.before(() => setThreads(1));

const greedy: GenerateOptions = {
  ...{ maxTokens: 16, temperature: 0, stop: new Set<number>() },
  draw: () => Number.NaN,
};

const agrees = test.macro({
  exec(t, { name }: GoldenCase) {
    for (const dtype of ['float32', 'float64'] as const) {
      const model = aToyModel({ name, dtype });
      using _parameters = model.parameters;
      for (const length of [1, 9]) {
        const prompt = countUp(3, length);
        const before = liveHandles();
        const made = generate(model, prompt, greedy);
        t.is(liveHandles(), before, 'the cache is gone');
        t.is(made.length, greedy.maxTokens);
        const gaps = shortfalls(model, prompt, made);
        t.true(Math.max(...gaps) <= rounding, `${dtype} ${length}: ${gaps}`);
      }
    }
  },
  title: (_, { name }: GoldenCase) =>
    `${name} goes on token by token as it would over the whole text again`,
});
for (const each of golden.cases) test(agrees, each);

test('a token that ends the text ends it and is not returned', (t) => {
  const model = aToyModel();
  using _parameters = model.parameters;
  const prompt = countUp(3, 5);
  const whole = generate(model, prompt, greedy);
  const stop = whole[5] ?? -1;
  const first = whole.indexOf(stop);
  t.deepEqual(generate(model, prompt, { ...greedy, stop: new Set([stop]) }), whole.slice(0, first));
  t.deepEqual(generate(model, prompt, { ...greedy, stop: new Set(whole) }), []);
});

test('no more tokens are made than asked for', (t) => {
  const model = aToyModel();
  using _parameters = model.parameters;
  for (const maxTokens of [0, 1, 7]) {
    t.is(generate(model, [3], { ...greedy, maxTokens }).length, maxTokens);
  }
});

test('with a temperature each token comes as often as its share says', (t) => {
  const model = aToyModel();
  using _parameters = model.parameters;
  const temperature = 4;
  const prompt = countUp(3, 5);
  const logits = lastLogits(model, prompt);
  const largest = Math.max(...logits);
  const weights = logits.map((z) => Math.exp((z - largest) / temperature));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const { uniform } = drawsOf(streamOf(1, 'sample.test'));
  const draws = 2000;
  const counts = new Map<number, number>();
  for (let round = 0; round < draws; round += 1) {
    const [id = -1] = generate(model, prompt, {
      ...{ ...greedy, maxTokens: 1, temperature },
      draw: () => uniform(),
    });
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  for (const [id, weight] of weights.entries()) {
    const share = weight / total;
    const found = (counts.get(id) ?? 0) / draws;
    // Five deviations of a binomial share, and one count for the rare ones.
    const allowed = 5 * Math.sqrt((share * (1 - share)) / draws) + 1 / draws;
    t.true(Math.abs(found - share) <= allowed, `${id}: ${found} for ${share}`);
  }
});

test('the n-th token takes the n-th draw, and the same draws give the same text', (t) => {
  const model = aToyModel();
  using _parameters = model.parameters;
  const asked: number[] = [];
  const options = {
    ...{ ...greedy, maxTokens: 4, temperature: 2 },
    draw: (n: number) => {
      asked.push(n);
      return (n * 0.37 + 0.1) % 1;
    },
  };
  const first = generate(model, [3, 4], options);
  t.deepEqual(asked, [0, 1, 2, 3]);
  t.deepEqual(generate(model, [3, 4], options), first);
});
