// Toys that were trained for a few steps, in the hands of others: PEFT puts our adapter on the base
// that transformers loaded, transformers loads the merged model, and both compute the logits of the
// model that was trained.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { adapterForms, resultFolder } from '../../crds/names/result-folders.ts';
import { openSafetensors } from '../../worker/files/safetensors.ts';
import { checkIds, checkLogits } from '../../worker/publish/reload-check.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { makeToy } from '../toy/make-toy.ts';
import { startHosts } from '../warm/hosts.ts';
import { askPeer } from './ask-peer.ts';
import { largestGap, tolerance } from './gap.ts';
import { type TrainedRun, trainedModel, trainJob } from './train-job.ts';

interface Case {
  readonly name: string;
  /** Of the golden table. */
  readonly toy: string;
  readonly method: Readonly<Record<string, unknown>>;
  readonly adapter: boolean;
  /** Whether its file of one rank is asked for as well. */
  readonly uniform?: boolean;
}

const float32 = { type: 'Float32' } as const;
const lora = (settings: Readonly<Record<string, unknown>>) => ({
  ...{ preset: 'LoRA', precision: float32 },
  adapter: { type: 'LoRA', lora: settings },
});

const cases: readonly Case[] = [
  { name: 'lora', toy: 'llama', method: lora({ rank: 4 }), adapter: true },
  { name: 'alpha', toy: 'qwen2', method: lora({ rank: 4, alpha: '3' }), adapter: true },
  {
    name: 'rank-stabilized',
    toy: 'qwen3',
    method: lora({ rank: 6, alpha: '12', scaling: 'RankStabilized', dropout: '0.1' }),
    adapter: true,
  },
  {
    name: 'lora-plus',
    toy: 'gemma3',
    method: { preset: 'LoRAPlus', precision: float32 },
    adapter: true,
  },
  {
    name: 'some-modules',
    toy: 'gemma2',
    method: lora({ rank: 2, targetModules: ['q_proj', 'v_proj'] }),
    adapter: true,
  },
  {
    name: 'lora-xs',
    toy: 'qwen2',
    method: {
      preset: 'LoRAXS',
      precision: float32,
      adapter: { type: 'LoRAXS', loraXs: { rank: 24 } },
    },
    adapter: true,
  },
  {
    name: 'bi-lora',
    toy: 'gemma3',
    method: {
      ...{ preset: 'BiLoRA', precision: float32 },
      adapter: {
        type: 'BiLoRA',
        biLora: { rank: 8, bits: 2, targetModules: ['q_proj', 'down_proj'] },
      },
    },
    adapter: true,
  },
  {
    name: 'sora',
    toy: 'qwen2',
    method: {
      ...{ preset: 'SoRA', precision: float32 },
      adapter: { type: 'SoRA', sora: { rank: 3, alpha: '9', threshold: '0.2' } },
    },
    ...{ adapter: true, uniform: true },
  },
  {
    name: 'lamda',
    toy: 'llama',
    method: {
      ...{ preset: 'LaMDA', precision: float32 },
      adapter: { type: 'LaMDA', lamda: { rank: 24, alpha: '12', allocation: 'Spectrum' } },
    },
    adapter: true,
  },
  {
    name: 'paca',
    toy: 'phi3',
    method: {
      preset: 'PaCA',
      precision: float32,
      adapter: { type: 'PaCA', paca: { rank: 6, alpha: '9' } },
    },
    adapter: true,
  },
  {
    name: 's2ft',
    toy: 'llama',
    method: {
      ...{ preset: 'S2FT', precision: float32 },
      adapter: {
        type: 'S2FT',
        s2ft: { downRatio: '0.1', upRatio: '0.05', outputRatio: '0.3', valueRatio: '0.5' },
      },
    },
    adapter: true,
  },
  {
    name: 's2ft-fused',
    toy: 'phi3',
    method: {
      ...{ preset: 'S2FT', precision: float32 },
      adapter: {
        type: 'S2FT',
        s2ft: { downRatio: '0.1', gateRatio: '0.04', upRatio: '0.05', valueRatio: '0.5' },
      },
    },
    adapter: true,
  },
  {
    name: 'pissa',
    toy: 'llama',
    method: {
      ...{ preset: 'PiSSA', precision: float32 },
      adapter: { type: 'PiSSA', pissa: { rank: 24, alpha: '12' } },
    },
    adapter: true,
  },
  {
    name: 'kasa',
    toy: 'qwen2',
    method: {
      ...{ preset: 'KaSA', precision: float32 },
      // Keys and values of the toys have fewer than twice as many outputs.
      adapter: { type: 'KaSA', kasa: { rank: 24, dropout: '0.1', gamma: '1e-1' } },
    },
    adapter: true,
  },
  {
    name: 'eva',
    toy: 'gemma3',
    method: {
      ...{ preset: 'EVA', precision: float32 },
      adapter: { type: 'EVA', eva: { rank: 4, rho: '4', alpha: '12' } },
    },
    adapter: true,
  },
  {
    name: 'nlora',
    toy: 'llama',
    method: {
      ...{ preset: 'NLoRA', precision: float32 },
      adapter: { type: 'NLoRA', nlora: { rank: 24, alpha: '12' } },
    },
    adapter: true,
  },
  {
    name: 'lora-ga',
    toy: 'qwen2',
    method: {
      ...{ preset: 'LoRAGA', precision: float32 },
      adapter: { type: 'LoRAGA', loraGa: { rank: 24, alpha: '12' } },
    },
    adapter: true,
  },
  {
    name: 'lora-sb',
    toy: 'llama',
    method: {
      ...{ preset: 'LoRASB', precision: float32 },
      adapter: { type: 'LoRASB', loraSb: { rank: 24 } },
    },
    adapter: true,
  },
  {
    name: 'loldu',
    toy: 'llama',
    method: {
      preset: 'LoLDU',
      precision: float32,
      adapter: { type: 'LoLDU', loldu: { rank: 40 } },
    },
    adapter: true,
  },
  { name: 'fused', toy: 'phi3', method: lora({ rank: 4 }), adapter: true },
  {
    name: 'full',
    toy: 'mistral-window',
    method: { preset: 'Full', precision: float32 },
    adapter: false,
  },
];

const words = 'the quick brown fox jumps over a lazy dog while 3 owls and 14 cats look on'.split(
  ' ',
);
const records = Array.from({ length: 40 }, (_, i) => ({
  text: Array.from({ length: 8 }, (_, j) => words[(i * 5 + j * j) % words.length]).join(' '),
}));

let folder = '';
const runs = new Map<string, TrainedRun>();
const theirs = () => join(folder, 'logits.safetensors');
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-trained-'));
  const lines = records.map((record) => `${JSON.stringify(record)}\n`);
  await writeFile(join(folder, 'train.jsonl'), lines.join(''));
  const requests: Record<string, unknown> = {};
  using hosts = await startHosts();
  for (const each of cases) {
    const { name, toy, method } = each;
    const base = await makeToy(join(folder, `${name}-base`), toy);
    const job = jobOf(name, method, formsOf(each));
    const run = await trainJob(folder, name, job, hosts.variables);
    runs.set(name, run);
    const ids = [...checkIds(40)];
    requests[`${name}.base`] = { path: base, ids };
    requests[`${name}.merged`] = { path: join(run.result, 'merged'), ids };
    for (const form of adapterForms.filter((one) => formsOf(each).includes(one))) {
      const adapter = join(run.result, resultFolder[form]);
      requests[`${name}.${resultFolder[form]}`] = { path: base, adapter, ids };
    }
  }
  await askPeer('hf_logits.py', [theirs(), JSON.stringify(requests)]);
});
test.after.always(() => rm(folder, { recursive: true, force: true }));

type Form = keyof typeof resultFolder;

function formsOf({ adapter, uniform = false }: Case): readonly Form[] {
  const merged = ['MergedSafetensors'] as const;
  if (!adapter) return merged;
  return [...merged, 'PEFTAdapter', ...(uniform ? (['UniformPEFTAdapter'] as const) : [])];
}

function jobOf(name: string, method: Case['method'], formats: readonly Form[]) {
  return {
    model: { source: { local: { path: `${name}-base` } } },
    dataset: { train: { local: { path: 'train.jsonl' } }, sequenceLength: 64 },
    method,
    training: { maxSteps: 6, globalBatchSize: 8, learningRate: '1e-2' },
    worker: { devicesPerWorker: 0 },
    output: {
      formats,
      destination: { local: { path: name } },
    },
  };
}

const agrees = test.macro({
  async exec(t, each: Case) {
    const { name } = each;
    const run = runs.get(name);
    if (run === undefined) throw new Error(`${name} was not trained`);
    const model = await trainedModel(run);
    using _parameters = model.parameters;
    using peer = openSafetensors(theirs());
    scope(() => {
      const ours = checkLogits(model);
      const moved = largestGap(ours, peer.load(`${name}.base`));
      t.true(moved > 1000 * tolerance, `training moved the logits by ${moved} only`);
      for (const form of formsOf(each)) {
        const gap = largestGap(ours, peer.load(`${name}.${resultFolder[form]}`));
        t.true(gap <= tolerance, `${form}: largest gap ${gap}`);
      }
    });
  },
  title: (_, { name, toy, adapter }: Case) =>
    `${name} of ${toy}: ${adapter ? 'PEFT and transformers compute' : 'transformers computes'} the logits of the trained model`,
});
for (const each of cases) test(agrees, each);
