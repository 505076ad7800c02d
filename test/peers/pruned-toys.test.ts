// Toys that were cut out of larger ones, in the hands of others: transformers loads them as models
// of their family, and PEFT and llama.cpp put LoRA that was trained on them on the whole base.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { openModel } from '../../worker/decoder/model-files.ts';
import { buildModel, modelSource } from '../../worker/engine/build-model.ts';
import { openSafetensors } from '../../worker/files/safetensors.ts';
import { checkIds } from '../../worker/publish/check-sequence.ts';
import { checkLogits } from '../../worker/publish/reload-check.ts';
import * as ops from '../../worker/tensor/ops.generated.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { type Tensor, tensor } from '../../worker/tensor/tensor.ts';
import { float32 } from '../methods/axis-values.ts';
import { makeToy } from '../toy/make-toy.ts';
import { askLlama, askPeer } from './ask-peer.ts';
import { largestGap, tolerance } from './gap.ts';
import { wholeVocabulary, writeToyGguf } from './toy-gguf.ts';
import { trainHere } from './train-job.ts';

/**
 * Fused matrices; biases and a head size that no field of the base names; norms of heads; rows of q
 * and k that GGUF orders in its own way.
 */
const toys = {
  ...{ phi3: {}, qwen2: {}, gemma3: { num_key_value_heads: 2 } },
  llama: wholeVocabulary,
} as const;
type Toy = keyof typeof toys;
const names = Object.keys(toys) as Toy[];

/** Of the check, which depend on the vocabulary: the toys have 40 tokens. */
const idsOf = (toy: Toy) => [...checkIds(toy === 'llama' ? wholeVocabulary.vocab_size : 40)];

let folder = '';
const at = (...path: string[]) => join(folder, ...path);
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-pruned-'));
  const lines = Array.from(
    { length: 40 },
    (_, i) => `{"text":"${i} cats and ${(i * 7) % 40} owls"}\n`,
  );
  await writeFile(at('train.jsonl'), lines.join(''));
  const requests: Record<string, unknown> = {};
  for (const toy of names) {
    const ids = idsOf(toy);
    const base = await makeToy(at(`${toy}-base`), toy, { config: toys[toy] });
    const job = (model: string, name: string, more: object, output: object) =>
      trainHere(folder, name, {
        model: { source: { local: { path: model } } },
        dataset: { train: { local: { path: 'train.jsonl' } }, sequenceLength: 64 },
        worker: { devicesPerWorker: 0 },
        ...more,
        output: { ...output, destination: { local: { path: name } } },
      });
    const pruning = { channelsPercent: 40, headsPercent: 50, calibrationSequences: 4 };
    await job(
      `${toy}-base`,
      `${toy}-small`,
      { method: { preset: 'NoTraining', precision: float32 } },
      { pruning },
    );
    const training = { maxSteps: 4, globalBatchSize: 8, learningRate: '2e-2' };
    const method = { preset: 'LoRA', precision: float32 };
    const formats = ['PEFTAdapter', 'GGUFAdapter'];
    await job(`${toy}-small/merged`, `${toy}-lora`, { method, training }, { formats });
    requests[`${toy}.small`] = { path: at(`${toy}-small/merged`), ids };
    requests[`${toy}.base`] = { path: base, ids };
    requests[`${toy}.whole`] = { path: base, adapter: at(`${toy}-lora/adapter`), ids };
  }
  await askPeer('hf_logits.py', [at('logits.safetensors'), JSON.stringify(requests)]);
  await writeToyGguf(at('llama-base'), at('llama.gguf'));
  const lora = at('llama-lora/gguf-adapter/llama-lora.lora.gguf');
  await writeFile(
    at('requests.json'),
    JSON.stringify({ whole: { path: at('llama.gguf'), ids: idsOf('llama'), lora } }),
  );
  await askLlama('llama_logits.py', [at('logits.json'), at('requests.json')]);
});
test.after.always(() => rm(folder, { recursive: true, force: true }));

function logitsOf(path: string, change: (name: string, value: Tensor) => void = () => {}): Tensor {
  using files = openModel(path);
  const model = buildModel(modelSource(files), {
    ...{ adapter: null, trains: () => true, sequenceLength: 64, dtype: 'float32' },
  });
  using _parameters = model.parameters;
  for (const { name, value } of model.parameters.all()) scope(() => change(name, value));
  return checkLogits(model);
}

/** Of the whole base with the change that the PEFT file has, added to its weights. */
function withAdapter(toy: Toy): Tensor {
  using file = openSafetensors(at(`${toy}-lora/adapter/adapter_model.safetensors`));
  return logitsOf(at(`${toy}-base`), (name, value) => {
    const path = `base_model.model.${name.replace(/\.weight$/, '')}`;
    if (!file.header.tensors.has(`${path}.lora_A.weight`)) return;
    const [A, B] = ['A', 'B'].map((one) => file.load(`${path}.lora_${one}.weight`));
    // The preset has rank 16 and alpha 32.
    ops.add_(value, ops.mm(B!, A!), { alpha: 2 });
  });
}

for (const toy of names) {
  test(`${toy}: transformers loads what was cut out of it, and PEFT what was trained there on it whole`, (t) => {
    using peer = openSafetensors(at('logits.safetensors'));
    scope(() => {
      const small = largestGap(logitsOf(at(`${toy}-small/merged`)), peer.load(`${toy}.small`));
      t.true(small <= tolerance, `pruned: largest gap ${small}`);
      const moved = largestGap(peer.load(`${toy}.whole`), peer.load(`${toy}.base`));
      t.true(moved > 100 * tolerance, `training moved the logits by ${moved} only`);
      const ours = withAdapter(toy);
      const gap = largestGap(ours, peer.load(`${toy}.whole`));
      t.true(gap <= tolerance, `recovered: largest gap ${gap}`);
    });
  });
}

test('llama: llama.cpp puts what was trained on the pruned model on the whole one', async (t) => {
  // The script that was just run printed it.
  const all = JSON.parse(await readFile(at('logits.json'), 'utf8')) as {
    readonly whole: { readonly logits: readonly (readonly number[])[] };
  };
  scope(() => {
    const ours = withAdapter('llama');
    const theirs = tensor(all.whole.logits.flat(), ours.shape);
    const gap = largestGap(ours, theirs);
    t.true(gap <= tolerance, `largest gap ${gap}`);
    t.true(largestGap(logitsOf(at('llama-base')), theirs) > 100 * tolerance);
  });
});
