// Trains a few steps, by `anneal run` in a cache of its own as a person would, or by the roles of
// the worker in this process; and the model that came out, read from the checkpoint and not from
// any artefact that a judge is shown.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { resolveMethod } from '../../crds/index.ts';
import { preparedRecord, runFiles, runRecord, trainedRecord } from '../../crds/wire/run-folder.ts';
import { verifyCheckpoint } from '../../worker/checkpoint/folder.ts';
import { initialPlace, openInitialFactors } from '../../worker/checkpoint/initial-factors.ts';
import { loadState } from '../../worker/checkpoint/load-state.ts';
import { valueTensors } from '../../worker/checkpoint/state-tensors.ts';
import { trainerState } from '../../worker/checkpoint/trainer-state.ts';
import { fillSequence } from '../../worker/data/packed-sequences.ts';
import { openTokenStore } from '../../worker/data/token-store.ts';
import { decoderConfig } from '../../worker/decoder/config.ts';
import { openModel } from '../../worker/decoder/model-files.ts';
import { headName } from '../../worker/decoder/names.ts';
import { followFormats } from '../../worker/engine/adaptive-formats.ts';
import { buildModel, modelSource } from '../../worker/engine/build-model.ts';
import { hiddenStates } from '../../worker/engine/forward.ts';
import type { Model } from '../../worker/engine/model.ts';
import { readOptionsOf } from '../../worker/families/read-options.ts';
import { buildOptionsOf } from '../../worker/methods/index.ts';
import { requireRecord, writeRecord } from '../../worker/run-folder.ts';
import { wholeShards } from '../../worker/sharding/shards.ts';
import * as ops from '../../worker/tensor/ops.generated.ts';
import { scope } from '../../worker/tensor/scope.ts';
import type { Tensor } from '../../worker/tensor/tensor.ts';
import { ToyRun } from '../builders/toy-run.ts';
import { classSequence } from '../toy/encoder.ts';
import { makeToy } from '../toy/make-toy.ts';
import { outputsOn } from './same-numbers.ts';

const root = join(import.meta.dirname, '../..');

export interface TrainedRun {
  /** What the processes of the run told each other. */
  readonly folder: string;
  /** Where its artefacts lie. */
  readonly result: string;
}

type Spec = Readonly<Record<string, unknown>>;

/** The file of a job `spec` in `folder`, which paths in it count from. */
async function writeJob(folder: string, name: string, spec: Spec): Promise<string> {
  const job = { apiVersion: 'anneal.dev/v1alpha1', kind: 'FineTuneJob', metadata: { name }, spec };
  const file = join(folder, `${name}.yaml`);
  // JSON is YAML.
  await writeFile(file, JSON.stringify(job, null, 2));
  return file;
}

/** Runs the job as a person would. */
export async function trainJob(folder: string, name: string, spec: Spec): Promise<TrainedRun> {
  const file = await writeJob(folder, name, spec);
  const cache = join(folder, 'cache');
  await execa(process.execPath, [join(root, 'cli/anneal.mjs'), 'run', file, '--display=quiet'], {
    env: { ANNEAL_CACHE: cache, ANNEAL_THREADS: '2' },
    stdin: 'ignore',
  });
  return { folder: join(cache, 'runs', name, '1'), result: join(folder, name) };
}

/**
 * Runs the job in this process: starting the processes of a command takes several times as long as
 * a toy trains.
 */
export async function trainHere(folder: string, name: string, spec: Spec): Promise<TrainedRun> {
  const file = await writeJob(folder, name, spec);
  const result = join(folder, name);
  const run = await ToyRun.of(file, join(folder, 'runs', name), result);
  await run.all();
  return { folder: run.folder, result };
}

interface ToyTraining {
  /** In place of fields of the toy's config.json. */
  readonly config: Readonly<Record<string, number>>;
  readonly method: Readonly<Record<string, unknown>>;
  readonly maxSteps: number;
  readonly formats: readonly string[];
  /** Of the result, beside its place. */
  readonly output?: Readonly<Record<string, unknown>>;
  readonly evaluation?: Readonly<Record<string, unknown>>;
}

/** For toys in a few bits: what they lose is no matter here. */
const lenient = {
  overrides: { maxPerplexityRatio: '2', maxDivergence: '10', minAgreement: '0.5' },
};

/** Trains a toy of the family llama on forty short texts; `base` is its folder. */
export async function trainToy(
  folder: string,
  name: string,
  { config, method, maxSteps, formats, output = {}, evaluation = lenient }: ToyTraining,
): Promise<TrainedRun & { readonly base: string }> {
  const base = await makeToy(join(folder, `${name}-base`), 'llama', { config });
  const lines = Array.from({ length: 40 }, (_, i) =>
    JSON.stringify({ text: `the ${i} cats and ${(i * 7) % 40} owls look on` }),
  );
  await writeFile(join(folder, 'train.jsonl'), `${lines.join('\n')}\n`);
  const run = await trainHere(folder, name, {
    model: { source: { local: { path: `${name}-base` } } },
    dataset: { train: { local: { path: 'train.jsonl' } }, sequenceLength: 64 },
    method,
    training: { maxSteps, globalBatchSize: 8, learningRate: '1e-2' },
    worker: { devicesPerWorker: 0 },
    evaluation,
    output: { ...output, formats, destination: { local: { path: name } } },
  });
  return { ...run, base };
}

/** Publishes the run once more in another form, by the worker's own role. */
export async function publishAgain(
  { folder, result }: TrainedRun,
  output: Readonly<Record<string, unknown>>,
): Promise<void> {
  const run = await requireRecord(folder, runFiles.run, runRecord);
  const spec = { ...run.spec, output: { ...output, destination: { local: { path: result } } } };
  await writeRecord(folder, runFiles.run, runRecord, { ...run, spec });
  const quiet = '--disable-warning=ExperimentalWarning';
  await execa(process.execPath, [quiet, join(root, 'worker/main.ts'), 'publish', folder]);
}

/** Logits `[T, V]` of one document. */
export function logitsOf(model: Model, ids: readonly number[]): Tensor {
  const { parameters } = model;
  const config = decoderConfig(model.config);
  return scope(() => {
    const h = hiddenStates(model, Int32Array.from(ids));
    const z = ops.linear(h, parameters.value(headName(config)), null);
    const { logitCap: cap } = config;
    return cap === undefined ? z : ops.mulScalar(ops.tanh(ops.divScalar(z, cap)), cap);
  });
}

/** Logits of the classes of each text of tokens, packed. */
export function classLogitsOf(
  model: Model,
  texts: readonly (readonly number[])[],
): readonly number[] {
  return outputsOn(model, classSequence(texts.map((ids) => ({ ids, label: 0 }))));
}

/** What the run prepared, and all its documents, or the first of them, as one sequence. */
export async function preparedSequence(
  { folder }: TrainedRun,
  most: number = Number.POSITIVE_INFINITY,
) {
  const { data } = await requireRecord(folder, runFiles.prepared, preparedRecord);
  using store = await openTokenStore(data.train ?? '', new AbortController().signal);
  if (store === undefined) throw new Error('no store was prepared');
  const count = Math.min(most, store.count);
  const members = Array.from({ length: count }, (_, document) => document);
  return { data, count, sequence: fillSequence(store, members, 0) };
}

/** The trained model in the type it was trained in; the caller disposes its parameters. */
export async function trainedModel({ folder }: TrainedRun): Promise<Model> {
  const run = await requireRecord(folder, runFiles.run, runRecord);
  const { spec } = run;
  const prepared = await requireRecord(folder, runFiles.prepared, preparedRecord);
  const { checkpoint } = await requireRecord(folder, runFiles.trained, trainedRecord);
  const method = resolveMethod(spec.method);
  using files = openModel(prepared.model.path, readOptionsOf(spec));
  using factors = await openInitialFactors(initialPlace(folder, { run, prepared, method }));
  const model = buildModel(modelSource(files), {
    ...buildOptionsOf(spec, method),
    ...(factors === null ? {} : { initial: (name) => factors.get(name) }),
  });
  const targets = valueTensors(wholeShards(model.parameters, 'trained', 'chosen'));
  const manifest = await verifyCheckpoint(checkpoint);
  loadState(checkpoint, manifest, targets);
  followFormats(model, trainerState.parse(manifest.state).formats, null);
  return model;
}
