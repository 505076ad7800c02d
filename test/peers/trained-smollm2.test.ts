// A real model from a GGUF file, trained for three steps on real conversations, in the hands of
// others: PEFT and transformers compute its logits, and llama.cpp says what our own sampler says.
import { mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { ensureDemo } from '../../cli/setup/demo.ts';
import { thisSetup } from '../../cli/setup/setup.ts';
import { compileTemplate } from '../../worker/data/chat-template.ts';
import { modelTokenizer } from '../../worker/data/model-tokenizer.ts';
import { createTokenizer } from '../../worker/data/tokenizer.ts';
import { openModel } from '../../worker/decoder/model-files.ts';
import { generate } from '../../worker/decoding/generate.ts';
import { buildModel, modelSource } from '../../worker/engine/build-model.ts';
import { openSafetensors } from '../../worker/files/safetensors.ts';
import * as ops from '../../worker/tensor/ops.generated.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { item, type Tensor } from '../../worker/tensor/tensor.ts';
import { askLlama, askPeer } from './ask-peer.ts';
import { logitsOf, publishAgain, type TrainedRun, trainedModel, trainJob } from './train-job.ts';

const fileTypes = ['F16', 'BF16', 'Q8_0'] as const;
type FileType = (typeof fileTypes)[number];

let folder = '';
let base = '';
let run: TrainedRun = { folder: '', result: '' };
const ggufPath = (type: FileType) => join(folder, `${type}.gguf`);

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-smollm2-'));
  const demo = await ensureDemo(thisSetup(new AbortController().signal));
  base = join(demo, 'model/SmolLM2-135M-Instruct.Q4_1.gguf');
  run = await trainJob(folder, 'judged', {
    model: { source: { local: { path: base } } },
    dataset: {
      train: { local: { path: join(demo, 'sharegpt.json') } },
      ...{ format: 'Chat', maxSamples: 20, sequenceLength: 128, overlength: 'Truncate' },
    },
    method: {
      ...{ preset: 'LoRA', precision: { type: 'Float32' } },
      adapter: { type: 'LoRA', lora: { rank: 8 } },
    },
    training: { maxSteps: 3, globalBatchSize: 2, learningRate: '1e-3' },
    worker: { devicesPerWorker: 0 },
    output: {
      formats: ['PEFTAdapter', 'MergedSafetensors', 'GGUF'],
      gguf: { type: 'F16' },
      destination: { local: { path: 'judged' } },
    },
  });
  for (const type of fileTypes) {
    if (type !== 'F16') await publishAgain(run, { formats: ['GGUF'], gguf: { type } });
    await rename(join(run.result, 'gguf', `judged.${type}.gguf`), ggufPath(type));
  }
});
test.after.always(() => rm(folder, { recursive: true, force: true }));

const largestGap = (a: Tensor, b: Tensor): number =>
  item(ops.amax(ops.abs(ops.sub(ops.to(a, 'float64'), ops.to(b, 'float64')))));

const text =
  'In 1969, Neil Armstrong became the first person to walk on the Moon, and he said that it was one ' +
  'small step for man, one giant leap for mankind.';

test('PEFT and transformers compute the logits of the trained model from its artefacts', async (t) => {
  t.timeout(10 * 60_000);
  const out = join(folder, 'logits.safetensors');
  const { tokenizer } = await conversation();
  const ids = tokenizer.encode(text);
  // In float64: two programs in float32 are each as far from it as they are from one another.
  const common = { ids, exact: true };
  const requests = {
    base: { path: base, ...common },
    adapter: { path: base, adapter: join(run.result, 'adapter'), ...common },
    merged: { path: join(run.result, 'merged'), ...common },
  };
  await askPeer('hf_logits.py', [out, JSON.stringify(requests)]);
  const model = await trainedModel(run);
  using _parameters = model.parameters;
  using peer = openSafetensors(out);
  scope(() => {
    const ours = logitsOf(model, ids);
    const gap = (name: string) => largestGap(ours, peer.load(name));
    t.true(gap('base') > 0.1, `training moved the logits by ${gap('base')} only`);
    // The acceptance figure of the project for float32; logits are of size 35.
    t.true(gap('adapter') <= 1e-4, `adapter: largest gap ${gap('adapter')}`);
    t.true(gap('merged') <= 1e-4, `merged: largest gap ${gap('merged')}`);
  });
});

const question = {
  role: 'user',
  content: 'List the seven days of the week.',
  isTarget: false,
} as const;

/** The question as the model's template has it, in text and in tokens. */
async function conversation() {
  using files = openModel(base);
  const definition = await modelTokenizer(files.headers);
  const tokenizer = createTokenizer(definition);
  const { chatTemplate: source = '', bos, eos } = definition;
  const prompt = compileTemplate({ source, bos, eos }).render([question], undefined, true);
  return { prompt, ids: tokenizer.encode(prompt), tokenizer };
}

test('transformers reads a conversation with the merged folder as we do with the GGUF file', async (t) => {
  const messages = JSON.stringify([{ role: question.role, content: question.content }]);
  const theirs = JSON.parse(await askPeer('hf_tokens.py', [join(run.result, 'merged'), messages]));
  const { prompt, ids } = await conversation();
  t.deepEqual(theirs, { text: prompt, ids });
});

/**
 * Up to where the answer is clear-cut: llama.cpp rounds what it multiplies with Q8_0 to eight bits
 * too.
 */
const tokens = 32;

const saysTheSame = test.macro({
  async exec(t, type: FileType) {
    t.timeout(10 * 60_000);
    const { prompt, ids, tokenizer } = await conversation();
    const paths = JSON.stringify({ file: ggufPath(type) });
    const { file } = JSON.parse(await askLlama('llama_text.py', [paths, prompt, String(tokens)]));
    using files = openModel(ggufPath(type));
    const model = buildModel(modelSource(files), {
      ...{ dtype: 'float32', adapter: null, sequenceLength: 128 },
    });
    using _parameters = model.parameters;
    const made = generate(model, ids, {
      ...{ maxTokens: tokens, temperature: 0, draw: () => 0 },
      stop: new Set(tokenizer.eos === undefined ? [] : [tokenizer.eos]),
    });
    t.log(tokenizer.decode(made));
    t.true(made.length > 8, 'the answer is long enough to go wrong');
    t.deepEqual(file, { prompt: ids, made, text: tokenizer.decode(made) });
  },
  title: (_, type: FileType) =>
    `llama.cpp reads the ${type} file and answers what our sampler answers`,
});
for (const type of fileTypes) test(saysTheSame, type);
