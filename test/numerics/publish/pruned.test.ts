// Train small, infer large: a base of which a part is left out is the base that does not read that
// part, and what is trained on it is, for the whole base, the same change at the kept places and
// none elsewhere.

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { TerminalError, UserError } from '../../../crds/failures/errors.ts';
import { prunedSizes } from '../../../crds/plan/pruned-sizes.ts';
import { type PrunedModel, prunedModel } from '../../../crds/wire/pruned-model.ts';
import { preparedRecord, runFiles, trainedRecord } from '../../../crds/wire/run-folder.ts';
import { decoderConfig } from '../../../worker/decoder/config.ts';
import { openModel } from '../../../worker/decoder/model-files.ts';
import { tensorName } from '../../../worker/decoder/names.ts';
import { buildModel, modelSource } from '../../../worker/engine/build-model.ts';
import { openSafetensors } from '../../../worker/files/safetensors.ts';
import { most } from '../../../worker/publish/kept-places.ts';
import { checkLogits } from '../../../worker/publish/reload-check.ts';
import { requireRecord } from '../../../worker/run-folder.ts';
import { readPrepared } from '../../../worker/supervisor/achieved.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { item, type Tensor, tensor, toArray } from '../../../worker/tensor/tensor.ts';
import { setThreads } from '../../../worker/tensor/threads.ts';
import { ToyRun } from '../../builders/toy-run.ts';
import { temporaryFolder } from '../../doubles/sources.ts';
import { trainHere } from '../../peers/train-job.ts';
import { makeToy } from '../../toy/make-toy.ts';

test.before(() => setThreads(1));

const records = Array.from({ length: 24 }, (_, i) =>
  JSON.stringify({ text: `the ${i} cats and ${(i * 7) % 40} owls look on` }),
);

async function aFolder(t: ExecutionContext): Promise<string> {
  const folder = await temporaryFolder();
  t.teardown(() => folder[Symbol.asyncDispose]());
  await writeFile(join(folder.path, 'train.jsonl'), `${records.join('\n')}\n`);
  return folder.path;
}

const float32 = { type: 'Float32' };

interface Rest {
  readonly model: string;
  readonly method: Readonly<Record<string, unknown>>;
  readonly training?: Readonly<Record<string, unknown>>;
  readonly output?: Readonly<Record<string, unknown>>;
}

function run(folder: string, name: string, { model, method, training, output }: Rest) {
  return trainHere(folder, name, {
    model: { source: { local: { path: model } } },
    dataset: { train: { local: { path: 'train.jsonl' } }, sequenceLength: 64 },
    method: { ...method, precision: float32 },
    ...(training === undefined ? {} : { training: { globalBatchSize: 8, ...training } }),
    worker: { devicesPerWorker: 0 },
    output: { ...output, destination: { local: { path: name } } },
  });
}

const prune = (folder: string, model: string, pruning: Readonly<Record<string, number>>) =>
  run(folder, 'small', { model, method: { preset: 'NoTraining' }, output: { pruning } });

const recordIn = async (folder: string): Promise<PrunedModel> =>
  prunedModel.parse(JSON.parse(await readFile(join(folder, 'pruning.json'), 'utf8')));

/** In float64, where other orders of sums do not show. */
function logitsOf(path: string, change: (name: string, value: Tensor) => void = () => {}): Tensor {
  using files = openModel(path);
  const options = { adapter: null, trains: () => true, sequenceLength: 64 } as const;
  const model = buildModel(modelSource(files), { ...options, dtype: 'float64' });
  using _parameters = model.parameters;
  for (const { name, value } of model.parameters.all()) scope(() => change(name, value));
  return checkLogits(model);
}

const gapOf = (a: Tensor, b: Tensor) => item(ops.amax(ops.abs(ops.sub(a, b))));
const placesIn = (places: readonly number[]) => tensor(places, [places.length], 'int64');

/** Columns of `down` and `o` that read what was left out, written down from the record alone. */
function maskOf({ full, layers }: PrunedModel, path: string) {
  const { head_dim: D, num_attention_heads: NH, num_key_value_heads: NK } = full;
  using files = openModel(path);
  const config = decoderConfig(files.config);
  const masked = new Map<string, number[]>();
  for (const [layer, { channels, heads }] of layers.entries()) {
    const columnsOfHeads = Array.from({ length: NH * D }, (_, i) => i);
    const group = NH / NK;
    masked.set(
      tensorName(config, 'o', layer),
      columnsOfHeads.filter((i) => !heads.includes(Math.floor(Math.floor(i / D) / group))),
    );
    const all = Array.from({ length: full.intermediate_size }, (_, i) => i);
    masked.set(
      tensorName(config, 'down', layer),
      all.filter((i) => !channels.includes(i)),
    );
  }
  return (name: string, value: Tensor) => {
    const columns = masked.get(name) ?? [];
    if (columns.length > 0) ops.indexFill_(value, 1, placesIn(columns), 0);
  };
}

/** One of each family; the toy of the last has one key/value head. */
const toys = [
  ['llama', { attention_bias: true, mlp_bias: true }],
  ['mistral-window', {}],
  ['qwen2', {}],
  ['qwen3', {}],
  ['phi3', {}],
  ['gemma2', {}],
  ['gemma3', { num_key_value_heads: 2 }],
] as const;
for (const [toy, config] of toys) {
  test(`${toy}: what is cut out of it is it without what was left out`, async (t) => {
    const folder = await aFolder(t);
    await makeToy(join(folder, 'base'), toy, { config });
    const pruning = { channelsPercent: 50, headsPercent: 50, calibrationSequences: 4 };
    const { result } = await prune(folder, 'base', pruning);
    const small = join(result, 'merged');
    const record = await recordIn(small);
    using whole = openModel(join(folder, 'base'));
    using cut = openModel(small);
    t.true(cut.config.I < whole.config.I && cut.config.NK < whole.config.NK);
    t.like(cut.config, { ...prunedSizes(whole.config, pruning), D: whole.config.D });
    scope(() => {
      const found = logitsOf(small);
      const masked = logitsOf(join(folder, 'base'), maskOf(record, join(folder, 'base')));
      const gap = gapOf(found, masked);
      t.true(gap < 1e-9, `${gap}`);
      t.true(gapOf(found, logitsOf(join(folder, 'base'))) > 1e-3);
    });
  });
}

/** Values of a file of tensors, by name. */
function valuesIn(path: string): ReadonlyMap<string, readonly number[]> {
  using file = openSafetensors(path);
  return scope(
    () => new Map([...file.header.tensors.keys()].map((n) => [n, toArray(file.load(n))])),
  );
}

/** `alpha / r B A` of the matrix `name`, added in place. */
function addChange_(file: ReturnType<typeof openSafetensors>, name: string, value: Tensor): void {
  const path = `base_model.model.${name.replace(/\.weight$/, '')}`;
  if (!file.header.tensors.has(`${path}.lora_A.weight`)) return;
  const [A, B] = ['A', 'B'].map((one) =>
    file.load(`${path}.lora_${one}.weight`, { dtype: 'float64' }),
  );
  ops.add_(value, ops.mm(B!, A!), { alpha: alpha / rank });
}

const rank = 3;
const alpha = 6;
const lora = { rank, alpha: String(alpha), targetModules: ['AllLinear'] };
const training = { maxSteps: 4, learningRate: '2e-2' };

const loraOn = (folder: string, model: string, formats: readonly string[]) =>
  run(folder, 'lora', {
    ...{ model, training, output: { formats } },
    method: { preset: 'LoRA', adapter: { type: 'LoRA', lora } },
  });

for (const toy of ['llama', 'phi3']) {
  test(`${toy}: LoRA on a pruned base is, for the whole one, the same change of what was kept`, async (t) => {
    const folder = await aFolder(t);
    const base = await makeToy(join(folder, 'base'), toy);
    const pruning = { channelsPercent: 50, headsPercent: 50, calibrationSequences: 0 };
    const small = join((await prune(folder, 'base', pruning)).result, 'merged');
    const record = await recordIn(small);
    const forms = ['PEFTAdapter', 'UniformPEFTAdapter', 'GGUFAdapter', 'MergedSafetensors'];
    const trained = await loraOn(folder, small, forms);
    const place = join(trained.result, 'adapter');
    const config = JSON.parse(await readFile(join(place, 'adapter_config.json'), 'utf8'));
    t.is(config.base_model_name_or_path, record.base.name);
    t.is(config.r, rank);
    const card = await readFile(join(place, 'README.md'), 'utf8');
    t.regex(card, /^base_model: .*base$/m);
    t.regex(card, /trained on a pruned copy of that model/);
    const weights = join(place, 'adapter_model.safetensors');
    const whole = await requireRecord(
      join(folder, 'runs/small'),
      runFiles.prepared,
      preparedRecord,
    );
    t.is(record.base.digest, whole.model.digest);
    // What a cluster names the base of the adapter by.
    t.is((await readPrepared(trained.folder)).model.wholeDigest, record.base.digest);
    using file = openSafetensors(weights);
    t.is(file.header.metadata.get('base_digest'), record.base.digest);
    const { checkpoint } = await requireRecord(trained.folder, runFiles.trained, trainedRecord);
    const inTraining = valuesIn(join(checkpoint, 'shard-0.safetensors'));
    const inFile = valuesIn(weights);
    t.deepEqual(
      inFile,
      valuesIn(join(trained.result, 'uniform-adapter/adapter_model.safetensors')),
    );
    // Row by row both have what was trained in the same order, and nothing else but zeros.
    const used = (values: readonly number[] | undefined) => values?.filter((x) => x !== 0);
    for (const [name, values] of inFile) {
      t.deepEqual(used(values), used(inTraining.get(name.replace('base_model.model.', ''))), name);
    }
    scope(() => {
      const masked = maskOf(record, base);
      const found = logitsOf(join(trained.result, 'merged'));
      const changed = logitsOf(base, (name, value) => {
        addChange_(file, name, value);
        masked(name, value);
      });
      // The merged weights were rounded to float32; logits are of size 10.
      const gap = gapOf(found, changed);
      t.true(gap < 1e-4, `${gap}`);
      t.true(gapOf(found, logitsOf(small)) > 1000 * gap);
    });
  });
}

test('all weights of a pruned model may train before, and it stays known where they belong', async (t) => {
  const folder = await aFolder(t);
  await makeToy(join(folder, 'base'), 'llama');
  const small = join((await prune(folder, 'base', { channelsPercent: 25 })).result, 'merged');
  const { result } = await run(folder, 'aligned', {
    ...{ model: small, method: { preset: 'Full' }, training },
  });
  const aligned = join(result, 'merged');
  t.deepEqual(await recordIn(aligned), await recordIn(small));
  scope(() => t.true(gapOf(logitsOf(aligned), logitsOf(small)) > 1e-2));
  const { result: ofLora } = await loraOn(folder, aligned, ['PEFTAdapter']);
  const shape = (name: string) =>
    openedHeader(join(ofLora, 'adapter/adapter_model.safetensors')).get(
      `base_model.model.model.layers.0.mlp.${name}.weight`,
    );
  t.deepEqual(
    [shape('down_proj.lora_A'), shape('down_proj.lora_B')],
    [
      [rank, 20],
      [24, rank],
    ],
  );
  t.deepEqual(
    [shape('up_proj.lora_A'), shape('up_proj.lora_B')],
    [
      [rank, 24],
      [20, rank],
    ],
  );
});

function openedHeader(path: string): ReadonlyMap<string, readonly number[]> {
  using file = openSafetensors(path);
  return new Map([...file.header.tensors].map(([name, { shape }]) => [name, shape]));
}

const refusals = {
  'prunes it again': {
    spec: { method: { preset: 'NoTraining' }, output: { pruning: {} } },
    words: /output\.pruning is set, but the model is a pruned copy of .*base already/,
  },
  'wants an adapter of no two factors': {
    spec: { method: { preset: 'RandLoRA' }, training },
    words: /method\.adapter is RandLoRA, and the model is a pruned copy of .* not recovered/,
  },
  'wants the form of KaSA': {
    spec: { method: { preset: 'KaSA' }, training, output: { formats: ['KaSA'] } },
    words: /output\.formats asks for KaSA, and the model is a pruned copy of/,
  },
} as const;

test('what a pruned model is not for is refused in words, and so is a record of another model', async (t) => {
  const folder = await aFolder(t);
  await makeToy(join(folder, 'base'), 'llama');
  const small = join((await prune(folder, 'base', { headsPercent: 50 })).result, 'merged');
  for (const [name, { spec, words }] of Object.entries(refusals)) {
    const error = await t.throwsAsync(run(folder, 'refused', { model: small, ...spec }), {
      message: words,
    });
    t.is((error as UserError).code, 'E_INVALID_SPEC', name);
  }
  const path = join(small, 'pruning.json');
  const record = await recordIn(small);
  const [first, ...others] = record.layers;
  const channels = first?.channels ?? [];
  for (const [damaged, words] of [
    [{ ...record, layers: others }, /the number of layers is 2; by config\.json it must be 3/],
    [
      { ...record, layers: [{ ...first, channels: channels.toReversed() }, ...others] },
      /channels of layer 0 must rise, and be below 20/,
    ],
    [{ ...record, version: 2 }, /pruning\.json: version: /],
  ] as const) {
    await writeFile(path, JSON.stringify(damaged));
    const { message = '' } = (await t.throwsAsync(loraOn(folder, small, ['PEFTAdapter']))) ?? {};
    t.regex(message, words);
  }
});

test('an adapter is not recovered by another record than its training began with', async (t) => {
  const folder = await aFolder(t);
  await makeToy(join(folder, 'base'), 'llama');
  const small = join((await prune(folder, 'base', { channelsPercent: 50 })).result, 'merged');
  const { folder: place, result } = await loraOn(folder, small, ['PEFTAdapter']);
  const record = await recordIn(small);
  const [first] = record.layers;
  const others = Array.from({ length: 20 }, (_, i) => i).filter(
    (i) => !first?.channels.includes(i),
  );
  const layers = record.layers.map((one) => ({ ...one, channels: others }));
  await writeFile(join(small, 'pruning.json'), JSON.stringify({ ...record, layers }));
  const again = await ToyRun.of(join(folder, 'lora.yaml'), place, result);
  const error = await t.throwsAsync(again.publish(), { message: /pruning\.json is another file/ });
  t.is((error as TerminalError).code, 'E_DIGEST_MISMATCH');
});

test('of equal places the first are kept', (t) => {
  t.deepEqual(most([1, 3, 2, 3, 2], 3), [1, 2, 3]);
});
