// lm-eval asks `anneal serve` as its users would, and the same weights by its own backend: the same
// accuracies and texts, and log-likelihoods apart by rounding alone.
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import OpenAI from 'openai';
import { annealServe } from '../builders/anneal-serve.ts';
import { aToyRun } from '../builders/toy-run.ts';
import { askLmEval } from './ask-peer.ts';
import { tolerance } from './gap.ts';
import {
  asked,
  choices,
  cut,
  type Greedy,
  maxLength,
  most,
  texts,
  writeTasks,
} from './lm-eval-tasks.ts';

type Choice = readonly [loglik: number, isGreedy: boolean];

interface Judged<Answer> {
  readonly metrics: Readonly<Record<string, number>>;
  /** By document. */
  readonly answers: readonly Answer[];
}

interface AllTasks {
  readonly choice: Judged<readonly Choice[]>;
  readonly rolling: Judged<readonly [loglik: number]>;
  readonly likeliest: Judged<readonly [Choice]>;
  readonly generated: Judged<readonly string[]>;
}

type Results = Readonly<
  Record<'toy' | 'tuned', { readonly served: AllTasks; readonly own: AllTasks }>
>;

/**
 * Of a text of so many bytes, which has no more tokens: a log probability is a logit less the
 * logarithm of a sum, each as far from theirs as `tolerance`; and they add in float32.
 */
function boundOf(bytes: number, loglik: number): number {
  return bytes * (2 * tolerance + 2 ** -24 * Math.abs(loglik));
}

const bytesOf = (text: string): number => Buffer.byteLength(text);

/** Whether which of the values is the largest is decided by more than `bound`. */
function isClear(values: readonly number[], bound: number): boolean {
  const [first = 0, second = 0] = values.toSorted((a, b) => b - a);
  return first - second > bound;
}

function near(t: ExecutionContext, ours: number, theirs: number, bound: number, of: string): void {
  t.true(Math.abs(ours - theirs) <= bound, `${of}: ${ours} and ${theirs}, at most ${bound} apart`);
}

/** The same log-likelihoods; and the same accuracies, but for documents that rounding decides. */
function sameChoices(t: ExecutionContext, served: AllTasks, own: AllTasks): void {
  let unclear = 0;
  for (const [i, answer] of served.choice.answers.entries()) {
    const bytes = (choices[i] ?? []).map(bytesOf);
    const bounds = answer.map(([loglik], k) => boundOf(bytes[k] ?? 0, loglik));
    for (const [k, [loglik]] of answer.entries()) {
      const theirs = own.choice.answers[i]?.[k]?.[0] ?? Number.NaN;
      near(t, loglik, theirs, bounds[k] ?? 0, `document ${i}, choice ${k}`);
    }
    const logliks = answer.map(([loglik]) => loglik);
    const perByte = logliks.map((loglik, k) => loglik / (bytes[k] ?? 1));
    const bound = 2 * Math.max(...bounds);
    if (!isClear(logliks, bound) || !isClear(perByte, bound / Math.min(...bytes))) unclear += 1;
  }
  const { answers, metrics } = served.choice;
  t.true(unclear <= answers.length / 4, `${unclear} documents are decided by rounding`);
  for (const name of ['acc', 'acc_norm']) {
    const ours = metrics[name] ?? Number.NaN;
    near(t, ours, own.choice.metrics[name] ?? Number.NaN, unclear / answers.length, name);
  }
}

function samePerplexities(t: ExecutionContext, served: AllTasks, own: AllTasks): void {
  let sum = 0;
  for (const [i, [loglik]] of served.rolling.answers.entries()) {
    const bound = boundOf(bytesOf(texts[i] ?? ''), loglik);
    near(t, loglik, own.rolling.answers[i]?.[0] ?? Number.NaN, bound, `document ${i}`);
    sum += bound;
  }
  const bytes = texts.reduce((all, text) => all + bytesOf(text), 0);
  const ours = served.rolling.metrics['bits_per_byte'] ?? Number.NaN;
  const theirs = own.rolling.metrics['bits_per_byte'] ?? Number.NaN;
  near(t, ours, theirs, sum / bytes / Math.LN2, 'bits_per_byte');
}

/** What each prompt is answered with where nothing stops it. */
async function greedy(client: OpenAI, model: string): Promise<readonly Greedy[]> {
  const { choices: found } = await client.completions.create({
    ...{ model, prompt: [...asked], max_tokens: most, temperature: 0, logprobs: 2 },
  });
  return found.map(({ text, logprobs }) => {
    const leads = (logprobs?.top_logprobs ?? []).map((top) => {
      const [first = 0, second = 0] = Object.values(top).toSorted((a, b) => b - a);
      return first - second;
    });
    return { text, first: logprobs?.tokens?.[0] ?? '', lead: Math.min(...leads) };
  });
}

function sameTexts(
  t: ExecutionContext,
  served: AllTasks,
  own: AllTasks,
  greedily: readonly Greedy[],
): void {
  let unclear = 0;
  for (const [i, [text = '']] of served.generated.answers.entries()) {
    const { text: whole, lead } = greedily[i] ?? { text: '', lead: 0 };
    t.is(text, cut(whole), `document ${i}`);
    if (lead > 4 * tolerance) t.deepEqual(own.generated.answers[i], [text], `document ${i}`);
    else unclear += 1;
  }
  const count = served.generated.answers.length;
  t.true(unclear <= count / 4, `${unclear} texts are decided by rounding`);
  const name = 'exact_match';
  const ours = served.generated.metrics[name] ?? Number.NaN;
  near(t, ours, own.generated.metrics[name] ?? Number.NaN, unclear / count, name);
}

/** The first token of what the adapter says is its likeliest, for both. */
function sameLikeliest(
  t: ExecutionContext,
  { served, own }: Results['tuned'],
  greedily: readonly Greedy[],
): void {
  for (const [i, { first, lead }] of greedily.entries()) {
    const ours = served.likeliest.answers[i]?.[0] ?? [Number.NaN, false];
    const theirs = own.likeliest.answers[i]?.[0] ?? [Number.NaN, false];
    near(t, ours[0], theirs[0], boundOf(bytesOf(first), ours[0]), `document ${i}`);
    if (lead > 4 * tolerance) t.deepEqual([ours[1], theirs[1]], [true, true], `document ${i}`);
  }
}

test('lm-eval finds with our server what it finds with transformers', async (t) => {
  t.timeout(10 * 60_000);
  const training = { maxSteps: 12, learningRate: '0.02' };
  const run = await aToyRun(t, { name: 'tuned', method: { preset: 'LoRA' }, training });
  await run.all();
  const model = join(run.record.folder, 'model');
  const adapter = join(run.destination, 'adapter');
  const words = [model, '--name', 'toy', '--adapter', `tuned=${adapter}`, '--threads', '1'];
  const { url, stop } = await annealServe(t, run.record.cache, words);
  const client = new OpenAI({ baseURL: url, apiKey: 'none', maxRetries: 0 });
  const greedily = { toy: await greedy(client, 'toy'), tuned: await greedy(client, 'tuned') };
  // What the adapter says is an answer of the generating task, so that some are right.
  const tasks = join(run.folder, 'tasks');
  await writeTasks(tasks, greedily.tuned);
  const request = {
    ...{ url: `${url}/completions`, model, tasks, maxLength },
    cases: { toy: null, tuned: adapter },
  };
  const printed = await askLmEval('lm_eval_peer.py', [JSON.stringify(request)]);
  const results = JSON.parse(printed) as Results;
  for (const name of ['toy', 'tuned'] as const) {
    const { served, own } = results[name];
    sameChoices(t, served, own);
    samePerplexities(t, served, own);
    sameTexts(t, served, own, greedily[name]);
    t.log(name, served.choice.metrics, served.rolling.metrics, served.generated.metrics);
  }
  sameLikeliest(t, results.tuned, greedily.tuned);
  const { toy, tuned } = results;
  t.notDeepEqual(toy.served.rolling.metrics, tuned.served.rolling.metrics, 'two models');
  t.is((await stop()).code, 0);
});
