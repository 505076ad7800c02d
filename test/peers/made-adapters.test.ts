// Adapters that no job trained alone, in the hands of PEFT: what `anneal generate` decodes of a
// vector, and what `anneal transfer` trains on another base. PEFT puts their folders on the base
// that transformers loaded, and computes the logits of our model, which read neither folder.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { stringify } from 'yaml';
import { collectedRecord, generatorFiles } from '../../crds/wire/generator.ts';
import type { Model } from '../../worker/engine/model.ts';
import { openSafetensors } from '../../worker/files/safetensors.ts';
import { generated } from '../../worker/generate/fit.ts';
import { preparedTask, taskFolder } from '../../worker/generate/generator-run.ts';
import { openNetwork } from '../../worker/generate/network-files.ts';
import { openSiblingModel } from '../../worker/generate/sibling-model.ts';
import { conditionOf, restored, slotsOf } from '../../worker/generate/vector.ts';
import { checkIds } from '../../worker/publish/check-sequence.ts';
import { checkLogits } from '../../worker/publish/reload-check.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { toArray } from '../../worker/tensor/tensor.ts';
import { aToyTransfer } from '../builders/toy-transfer.ts';
import { runCommand } from '../e2e/anneal-process.ts';
import { transfer } from '../e2e/transfer-run.ts';
import { makeToy } from '../toy/make-toy.ts';
import { startHosts } from '../warm/hosts.ts';
import { askPeer } from './ask-peer.ts';
import { largestGap, tolerance } from './gap.ts';
import { trainedModel, trainHere } from './train-job.ts';

const hosts = await startHosts();
const { variables } = hosts;
const folder = await mkdtemp(join(tmpdir(), 'anneal-made-'));
test.after.always(async () => {
  hosts[Symbol.dispose]();
  await rm(folder, { recursive: true, force: true });
});

const local = (path: string) => ({ local: { path } });
const float32 = { type: 'Float32' };

interface Asked {
  readonly base: string;
  readonly adapter: string;
}

/** What PEFT computes with the adapter, and what the base alone does. */
async function logitsOfPeer(name: string, { base, adapter }: Asked, vocabulary: number) {
  const ids = [...checkIds(vocabulary)];
  const out = join(folder, `${name}.safetensors`);
  const requests = { base: { path: base, ids }, adapter: { path: base, adapter, ids } };
  await askPeer('hf_logits.py', [out, JSON.stringify(requests)]);
  return openSafetensors(out);
}

async function isThatOfPeer(t: ExecutionContext, model: Model, asked: Asked): Promise<void> {
  using theirs = await logitsOfPeer(t.title, asked, model.config.V);
  scope(() => {
    const ours = checkLogits(model);
    const moved = largestGap(ours, theirs.load('base'));
    t.true(moved > 100 * tolerance, `the adapter moves the logits by ${moved} only`);
    const gap = largestGap(ours, theirs.load('adapter'));
    t.log(`largest gap ${gap}; the adapter moves logits by ${moved}`);
    t.true(gap <= tolerance, `largest gap ${gap}`);
  });
}

/** Each task asks the same questions, and has answers of its own. */
const tasks = { plus: 'it is', twice: 'again and again' };

const together = 'PEFT computes the logits of our model';

test.serial(`an adapter that was generated: ${together}`, async (t) => {
  t.timeout(600_000);
  const base = await makeToy(join(folder, 'model'), 'llama', { config: { vocab_size: 400 } });
  const model = { source: local('model') };
  for (const [task, answer] of Object.entries(tasks)) {
    const lines = Array.from({ length: 12 }, (_, i) => {
      const messages = [
        { role: 'user', content: `what is ${i} and ${(i * 7) % 12}` },
        { role: 'assistant', content: `${answer} ${i}` },
      ];
      return `${JSON.stringify({ messages })}\n`;
    });
    await writeFile(join(folder, `${task}.jsonl`), lines.join(''));
    await trainHere(folder, `${task}-own`, {
      ...{ model, dataset: { train: local(`${task}.jsonl`), sequenceLength: 128 } },
      method: {
        ...{ preset: 'LoRA', precision: float32 },
        adapter: { type: 'LoRA', lora: { rank: 2, targetModules: ['q_proj', 'v_proj'] } },
      },
      training: { maxSteps: 8, globalBatchSize: 4, learningRate: '2e-2' },
      output: { destination: local(`${task}-own`) },
    });
  }
  const spec = {
    ...{ model, dataset: { format: 'Chat', sequenceLength: 128 }, precision: 'Float32' },
    tasks: Object.keys(tasks).map((name) => ({
      ...{ name, records: local(`${name}.jsonl`), adapters: [local(`${name}-own/adapter`)] },
    })),
    network: { latent: 16, channels: [8, 16, 16, 8] },
    training: { epochs: 20, learningRate: '5e-3' },
    generate: [{ name: 'made', task: 'plus', seed: 3 }],
    destination: local('out'),
  };
  const head = { apiVersion: 'anneal.dev/v1alpha1', kind: 'AdapterGenerator' };
  const file = join(folder, 'generator.yaml');
  await writeFile(file, stringify({ ...head, metadata: { name: 'toy' }, spec }));
  const words = ['generate', file, '--output', 'json', '--threads', '1'];
  const cache = join(folder, 'cache');
  type Line = { readonly type: string; readonly folder?: string };
  const { code, stderr, lines } = await runCommand<Line>(words, cache, variables, () => null);
  t.is(code, 0, stderr);
  const root = lines.find(({ type }) => type === 'begin')?.folder ?? '';
  using made = await generatedModel(root, { row: 0, seed: 3 });
  await isThatOfPeer(t, made.model, { base, adapter: join(folder, 'out/made') });
});

/** The base with what the network makes, before it is written. */
async function generatedModel(root: string, { row, seed }: { row: number; seed: number }) {
  const text = await readFile(join(root, generatorFiles.collected), 'utf8');
  const { form } = collectedRecord.parse(JSON.parse(text));
  using network = await openNetwork(join(root, generatorFiles.generator), 'cpu');
  using file = openSafetensors(join(root, generatorFiles.collectedTensors));
  const vectors = scope(() => toArray(file.load('taskVectors', { rows: [row, row + 1] })));
  const condition = conditionOf(vectors, form.conditions);
  const x = generated(network.shape, network, condition, seed, 'cpu');
  const first = await preparedTask(taskFolder(root, 'plus'));
  const opened = openSiblingModel(first, form, 'Float32');
  opened.put(Float32Array.from(restored(x, slotsOf(form.layers, form.rank), form.statistics)));
  return opened;
}

test.serial(`an adapter that was moved to another base: ${together}`, async (t) => {
  t.timeout(600_000);
  const toy = await aToyTransfer(folder, {
    spec: { samples: 6, heldOut: 2 },
    training: { maxSteps: 8 },
  });
  const at = { cache: join(folder, 'cache'), variables };
  const kit = await transfer(toy.job, { ...at, flags: ['--kit', join(folder, 'kit')] });
  t.is(kit.code, 0, kit.stderr);
  const ended = await transfer(toy.file, at);
  t.is(ended.code, 0, ended.stderr);
  const model = await trainedModel({ folder: ended.folder, result: toy.destination });
  using _parameters = model.parameters;
  const base = join(folder, 'target-base/merged');
  await isThatOfPeer(t, model, { base, adapter: join(toy.destination, 'adapter') });
});
