// Our GGUF files in llama.cpp: permuted heads, shifted norms, fused matrices, tables of divisors
// and scaling keys mean to it what they mean here. Sizes that its reader takes for granted
// (scalars, caps, no window) are those of published models.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { decoderConfig } from '../../worker/decoder/config.ts';
import { openModel } from '../../worker/decoder/model-files.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { toArray } from '../../worker/tensor/tensor.ts';
import { float32, onBlocks } from '../methods/axis-values.ts';
import { goldenIds } from '../toy/golden.ts';
import { makeToy } from '../toy/make-toy.ts';
import { document, referenceLogits } from '../toy/reference-decoder.ts';
import { askLlama } from './ask-peer.ts';
import { wholeVocabulary, writeToyGguf } from './toy-gguf.ts';
import { logitsOf, type TrainedRun, trainedModel, trainToy } from './train-job.ts';

/** Whole blocks of 256 but in `down`, which has blocks of 32. */
const blocks = { hidden_size: 256, intermediate_size: 96 } as const;
const coarse = ['Q4_0', 'Q5_1', 'Q2_K', 'Q3_K', 'Q4_K', 'Q5_K', 'Q6_K'] as const;

const usual = { query_pre_attn_scalar: 256, head_dim: 256 } as const;
const toys: readonly (readonly [string, Readonly<Record<string, unknown>>])[] = [
  ['llama', {}],
  ['llama3-scaled', {}],
  ['qwen2', {}],
  ['qwen3', { head_dim: 128 }],
  ['phi3', {}],
  ['phi3-longrope', {}],
  ['gemma2', { ...usual, attn_logit_softcapping: 50, final_logit_softcapping: 30 }],
  ['gemma3', usual],
];

let folder = '';
let trained: TrainedRun;
const answers = () => join(folder, 'logits.json');
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-llama-'));
  const requests: Record<string, unknown> = {};
  for (const [name, config] of toys) {
    const from = await makeToy(join(folder, name), name, {
      config: { ...wholeVocabulary, ...config },
    });
    const path = join(folder, `${name}.gguf`);
    await writeToyGguf(from, path);
    requests[name] = { path, ids: goldenIds };
  }
  const small = await makeToy(join(folder, 'blocks'), 'llama', {
    config: { ...wholeVocabulary, ...blocks },
  });
  for (const type of coarse) {
    const path = join(folder, `${type}.gguf`);
    await writeToyGguf(small, path, type);
    requests[type] = { path, ids: goldenIds };
  }
  trained = await trainToy(folder, 'trained', {
    ...{ config: { ...wholeVocabulary, ...blocks }, maxSteps: 4, formats: ['GGUF'] },
    method: { preset: 'L4Q', precision: float32, base: onBlocks('Q4_K') },
  });
  const path = join(trained.result, 'gguf', 'trained.Q4_K.gguf');
  requests['trained'] = { path, ids: goldenIds };
  const file = join(folder, 'requests.json');
  await writeFile(file, JSON.stringify(requests));
  await askLlama('llama_logits.py', [answers(), file]);
});
test.after.always(() => rm(folder, { recursive: true, force: true }));

interface Answer {
  readonly logits?: readonly (readonly number[])[];
  readonly error?: string;
}

/** Largest gap between its logits and ours of this model, as a share of the largest logit. */
async function gapOf(t: ExecutionContext, name: string, path: string): Promise<number> {
  using model = openModel(path);
  const ours = scope(() => {
    const weights = new Map(
      model.tensorNames.map((each) => [each, model.load(each, { dtype: 'float32' })]),
    );
    return toArray(
      referenceLogits({ config: decoderConfig(model.config), weights }, document(goldenIds)),
    );
  });
  return gapTo(t, name, ours);
}

async function gapTo(t: ExecutionContext, name: string, ours: readonly number[]): Promise<number> {
  // The script that was just run printed it.
  const all = JSON.parse(await readFile(answers(), 'utf8')) as Record<string, Answer>;
  const { error, logits = [] } = all[name] ?? {};
  t.is(error, undefined);
  const theirs = logits.flat();
  t.is(ours.length, theirs.length);
  const largest = Math.max(...ours.map(Math.abs));
  return Math.max(...ours.map((z, i) => Math.abs(z - (theirs[i] ?? Number.NaN)))) / largest;
}

const agrees = test.macro({
  async exec(t, name: string) {
    const gap = await gapOf(t, name, join(folder, name));
    // Both compute in float32, in another order: some 64 roundings. Its gelu is a table in
    // float16.
    t.true(gap <= (name.startsWith('gemma') ? 2 ** -11 : 64 * 2 ** -24), `largest gap ${gap}`);
  },
  title: (_, name: string) => `llama.cpp computes the same logits for ${name}`,
});
for (const [name] of toys) test(agrees, name);

const agreesOnBlocks = test.macro({
  async exec(t, type: string) {
    const gap = await gapOf(t, type, join(folder, `${type}.gguf`));
    t.log(gap);
    // It rounds what it multiplies with blocks to eight bits, by up to 1/254 of the largest of a
    // block: 0.7 % of a vector, which some ten products in a row make 2 %. Thrice that.
    t.true(gap <= 2 ** -4, `largest gap ${gap}`);
  },
  title: (_, type: string) => `llama.cpp computes the logits of our ${type} file`,
});
for (const type of coarse) test(agreesOnBlocks, type);

test('llama.cpp computes the logits of a model that was trained on its blocks', async (t) => {
  const model = await trainedModel(trained);
  using _parameters = model.parameters;
  const gap = await gapTo(
    t,
    'trained',
    scope(() => toArray(logitsOf(model, goldenIds))),
  );
  t.log(gap);
  t.true(gap <= 2 ** -4, `largest gap ${gap}`);
});
