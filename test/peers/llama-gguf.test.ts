// Our GGUF files in llama.cpp: permuted heads, shifted norms, fused matrices, tables of divisors
// and scaling keys mean to it what they mean here. Sizes that its reader takes for granted
// (scalars, caps, no window) are those of published models.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { openModel } from '../../worker/decoder/model-files.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { toArray } from '../../worker/tensor/tensor.ts';
import { goldenIds } from '../toy/golden.ts';
import { makeToy } from '../toy/make-toy.ts';
import { document, referenceLogits } from '../toy/reference-decoder.ts';
import { askLlama } from './ask-peer.ts';
import { wholeVocabulary, writeToyGguf } from './toy-gguf.ts';

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
  const file = join(folder, 'requests.json');
  await writeFile(file, JSON.stringify(requests));
  await askLlama('llama_logits.py', [answers(), file]);
});
test.after.always(() => rm(folder, { recursive: true, force: true }));

interface Answer {
  readonly logits?: readonly (readonly number[])[];
  readonly error?: string;
}

const agrees = test.macro({
  async exec(t, name: string) {
    // The script that was just run printed it.
    const all = JSON.parse(await readFile(answers(), 'utf8')) as Record<string, Answer>;
    using model = openModel(join(folder, name));
    scope(() => {
      const weights = new Map(model.tensorNames.map((each) => [each, model.load(each)]));
      const ours = toArray(referenceLogits({ config: model.config, weights }, document(goldenIds)));
      const { error, logits = [] } = all[name] ?? {};
      t.is(error, undefined);
      const theirs = logits.flat();
      t.is(ours.length, theirs.length);
      const largest = Math.max(...ours.map(Math.abs));
      const gap = Math.max(...ours.map((z, i) => Math.abs(z - (theirs[i] ?? Number.NaN))));
      // Both compute in float32, in another order: some 64 roundings. Its gelu is a table in
      // float16.
      const share = model.config.activation === 'silu' ? 64 * 2 ** -24 : 2 ** -11;
      t.true(gap <= share * largest, `largest gap ${gap} of ${largest}`);
    });
  },
  title: (_, name: string) => `llama.cpp computes the same logits for ${name}`,
});
for (const [name] of toys) test(agrees, name);
