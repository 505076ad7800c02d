/**
 * A diffusion transformer of digits in 4 bits, weights and inputs (EfficientDM): how far the
 * pictures that it makes of fixed noise lie from those of the full model, and of how many a
 * classifier says that they show what was asked for. Beside it what rounding alone gives, and one
 * table of inputs for all denoising steps. Whole jobs by the roles of the worker; all that is drawn
 * follows from seeds, so the figures are those of a processor and not of a day.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ensureNative } from '../../../cli/setup/native.ts';
import type { Setup } from '../../../cli/setup/setup.ts';
import { resolveMethod } from '../../../crds/index.ts';
import { openModel } from '../../../worker/decoder/model-files.ts';
import { firstNoise, samplePictures } from '../../../worker/denoising/sample.ts';
import { openTrajectoryFeed } from '../../../worker/denoising/trajectory-feed.ts';
import { diffusionConfig } from '../../../worker/diffusion/config.ts';
import { linearSampler } from '../../../worker/diffusion/sampler-config.ts';
import { buildModel, frozenModel, modelSource } from '../../../worker/engine/build-model.ts';
import type { Model } from '../../../worker/engine/model.ts';
import { buildOptionsOf } from '../../../worker/methods/index.ts';
import { openTrainedModel } from '../../../worker/publish/trained-model.ts';
import { setThreads } from '../../../worker/tensor/threads.ts';
import { ToyRun } from '../../builders/toy-run.ts';
import { temporaryFolder } from '../../doubles/sources.ts';
import { digits } from '../../setup/digits.ts';
import { digitsDit } from '../../setup/digits-dit.ts';
import { type Classifier, digitsClassifier } from './digits-classifier.ts';

const root = join(import.meta.dirname, '../../..');
const steps = 20;
const guidance = 1.5;
const noises = 512;
/** Pictures that are made at once. */
const together = 64;

export async function benchDenoising(setup: Setup, args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      /** Trajectories, one after the other, with 20 updates each. */
      epochs: { type: 'string', default: '20' },
      rate: { type: 'string', default: '5e-4' },
    },
  });
  await ensureNative(setup, root);
  setThreads(2);
  const base = await digitsDit(setup);
  const classifier = digitsClassifier(await digits(setup));
  using files = openModel(base);
  const full = frozenModel(modelSource(files), { dtype: 'float32', sequenceLength: undefined });
  using _full = full.parameters;
  const wanted = pictures(full);
  const rows = [['full model', '', shareOf(classifier, wanted)]];
  const tell = (name: string, found: Float32Array): void => {
    rows.push([name, squaresOf(found, wanted).toFixed(4), shareOf(classifier, found)]);
    process.stdout.write(`${rows.at(-1)?.join(' · ')}\n`);
  };
  for (const tables of [steps, 1]) {
    await using folder = await temporaryFolder();
    const run = await aRun(folder.path, base, tables, values);
    const named = tables === 1 ? 'one table of inputs' : `tables of ${tables} steps`;
    tell(`rounded, ${named}`, roundedPictures(run));
    await run.prepare();
    await run.train();
    const records = {
      run: run.record,
      prepared: await run.prepared(),
      trained: await run.trained(),
    };
    using trained = await openTrainedModel(run.folder, records);
    tell(`EfficientDM, ${named}`, pictures(trained.model));
  }
  process.stdout.write(`\n${table(rows, classifier)}\n`);
}

async function aRun(
  folder: string,
  base: string,
  tables: number,
  { epochs, rate }: { readonly epochs: string; readonly rate: string },
): Promise<ToyRun> {
  const inputs = { bits: 4, steps: tables };
  const spec = {
    model: { source: { local: { path: base } }, task: 'Denoising' },
    method: {
      preset: 'EfficientDM',
      base: { type: 'FakeQuantized', fakeQuantized: { inputs } },
      precision: { type: 'Float32' },
    },
    training: {
      ...{ trajectory: { steps, guidance: String(guidance) }, epochs, learningRate: rate },
      ...{ globalBatchSize: 16, microBatchSize: 16, schedule: { type: 'Linear' } },
    },
    worker: { devicesPerWorker: 0 },
    output: { formats: ['MergedSafetensors'], destination: { local: { path: 'out' } } },
  };
  const kind = { apiVersion: 'anneal.dev/v1alpha1', kind: 'FineTuneJob' };
  const file = join(folder, 'job.yaml');
  // JSON is YAML.
  await writeFile(file, JSON.stringify({ ...kind, metadata: { name: 'digits' }, spec }));
  return await ToyRun.of(file, join(folder, 'run'), join(folder, 'out'));
}

/** Of the model that the job begins with. */
function roundedPictures({ record: { spec } }: ToyRun): Float32Array {
  const method = resolveMethod(spec.method);
  using files = openModel(spec.model.source.local?.path ?? '');
  const source = modelSource(files);
  using feed = openTrajectoryFeed({ spec, method, source, device: 'cpu', rank: 0, size: 1 });
  const options = buildOptionsOf(spec, method);
  const model = buildModel(source, feed.following?.(options) ?? options);
  using _parameters = model.parameters;
  return pictures(model);
}

function pictures(model: Model): Float32Array {
  const config = diffusionConfig(model.config);
  const first = firstNoise(config, noises, 7);
  const size = first.length / noises;
  const made = new Float32Array(first.length);
  for (let from = 0; from < noises; from += together) {
    const part = first.subarray(from * size, (from + together) * size);
    const classes = Array.from({ length: together }, (_, i) => (from + i) % config.labels);
    const asked = { classes, sampler: linearSampler, steps, guidance };
    made.set(samplePictures(model, part, asked), from * size);
  }
  return made;
}

/** Mean over all pixels, which lie from -1 to 1. */
function squaresOf(found: Float32Array, wanted: Float32Array): number {
  return found.reduce((sum, x, i) => sum + (x - (wanted[i] ?? 0)) ** 2, 0) / found.length;
}

function shareOf(classifier: Classifier, made: Float32Array): string {
  const right = classifier.classify(made).filter((label, i) => label === i % 10).length;
  return `${((100 * right) / noises).toFixed(1)} %`;
}

function table(rows: readonly (readonly string[])[], { accuracy }: Classifier): string {
  return [
    `${noises} pictures of fixed noise, ${steps} steps, guidance ${guidance}; the classifier is right about ${(100 * accuracy).toFixed(1)} % of real digits`,
    '',
    '| model, weights and inputs in 4 bits | mean square from the full model | shows its class |',
    '| --- | --- | --- |',
    ...rows.map((row) => `| ${row.join(' | ')} |`),
  ].join('\n');
}
