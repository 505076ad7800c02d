// A job along trajectories, by the roles of the worker: no data, a stop anywhere, several workers.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { resolveMethod } from '../../../crds/index.ts';
import { openModel } from '../../../worker/decoder/model-files.ts';
import { openTrajectoryFeed } from '../../../worker/denoising/trajectory-feed.ts';
import { modelSource } from '../../../worker/engine/build-model.ts';
import type { HostSequence } from '../../../worker/engine/packed-sequence.ts';
import { openSafetensors } from '../../../worker/files/safetensors.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { toArray } from '../../../worker/tensor/tensor.ts';
import { ToyRun, trainWithStop } from '../../builders/toy-run.ts';
import { temporaryFolder } from '../../doubles/sources.ts';
import { makeDiffusion } from '../../toy/diffusion.ts';

const steps = 4;
const sizes = { in_channels: 1, out_channels: 1, attention_head_dim: 8, num_layers: 2 };
const pictures = 6;

/** Of an untrained toy, whose pictures are no matter here. */
async function aRun(t: ExecutionContext, name: string, changes: object = {}): Promise<ToyRun> {
  const folder = await temporaryFolder();
  t.teardown(() => folder[Symbol.asyncDispose]());
  await makeDiffusion(join(folder.path, 'base'), sizes);
  const inputs = { bits: 4, steps: 2 };
  const spec = {
    model: { source: { local: { path: 'base' } }, task: 'Denoising' },
    method: {
      preset: 'EfficientDM',
      base: { type: 'FakeQuantized', fakeQuantized: { inputs } },
      adapter: { type: 'LoRA', lora: { rank: 2, alpha: '2' } },
      precision: { type: 'Float32' },
    },
    training: {
      ...{ trajectory: { steps, guidance: '1.5' }, epochs: '2', globalBatchSize: pictures },
      ...{ microBatchSize: 2, learningRate: '5e-2', ...changes },
    },
    worker: { devicesPerWorker: 0 },
    output: { formats: ['MergedSafetensors'], destination: { local: { path: 'out' } } },
  };
  const job = { apiVersion: 'anneal.dev/v1alpha1', kind: 'FineTuneJob', metadata: { name }, spec };
  const file = join(folder.path, 'job.yaml');
  // JSON is YAML.
  await writeFile(file, JSON.stringify(job));
  return await ToyRun.of(file, join(folder.path, 'run'), join(folder.path, 'out'));
}

const resultOf = ({ destination }: ToyRun) =>
  Promise.all(
    ['transformer/diffusion_pytorch_model', 'integers/model'].map((file) =>
      readFile(join(destination, `merged/${file}.safetensors`)),
    ),
  );

test('a job without data learns, and publishes weights, their integers and tables of inputs', async (t) => {
  const run = await aRun(t, 'whole');
  const report = await run.all();
  const { data } = await run.prepared();
  t.like(data, { train: undefined, samples: 0, tokens: 0 });
  t.is(report.training.totalSteps, 2 * steps);
  t.is(run.ofType('step').at(-1)?.epoch, 2 - 1 / steps);
  const [artifact] = report.artifacts;
  t.like(artifact?.reload, { largestLogitGap: 0, allowedDivergence: 0 });
  using file = openSafetensors(join(run.destination, 'merged/integers/model.safetensors'));
  const path = 'transformer_blocks.1.ff.net.2';
  const zeros = scope(() => toArray(file.load(`${path}.input_zero_point`)));
  t.is(zeros.length, 2);
  t.true(zeros.every((zero) => Number.isInteger(zero) && zero >= 0 && zero <= 15));
  t.is(file.header.tensors.get(`${path}.weight_packed`)?.shape[0], 16);
  const card = await readFile(join(run.destination, 'merged/README.md'), 'utf8');
  t.regex(card, /integers\//);
});

test('a run that is stopped in a trajectory goes on with the bits of one that was not', async (t) => {
  const whole = await aRun(t, 'stopped');
  await whole.all();
  for (const at of [2, steps, steps + 1]) {
    const run = await aRun(t, 'stopped');
    await run.prepare();
    await trainWithStop(t, run, at);
    await run.publish();
    t.deepEqual(await resultOf(run), await resultOf(whole), `${at}`);
  }
});

test('without guidance a picture passes the model once', async (t) => {
  const run = await aRun(t, 'unguided', { trajectory: { steps, guidance: '1' } });
  await run.all();
  const [once] = run.ofType('step');
  t.is(once?.tokens, pictures * 4);
});

test('workers share the trajectories of a step, each picture the same as alone', async (t) => {
  const run = await aRun(t, 'shared');
  const { spec } = run.record;
  const method = resolveMethod(spec.method);
  const [base = ''] = [join(run.folder, '../base')];
  using files = openModel(base);
  const source = modelSource(files);
  const feedOf = (rank: number, size: number) =>
    openTrajectoryFeed({ spec, method, source, device: 'cpu', rank, size });
  const noisesOf = (sequences: readonly HostSequence[]): readonly number[] =>
    sequences.flatMap(({ values = {} }) => [...(values['noise']?.values ?? [])]);
  using alone = feedOf(0, 1);
  using first = feedOf(0, 4);
  using last = feedOf(3, 4);
  for (const position of [3, steps + 1]) {
    const all = noisesOf(alone.batch(position).sequences);
    const [own, others] = [first, last].map((feed) => noisesOf(feed.batch(position).sequences));
    // Six pictures at four workers: two, two, one and one.
    const size = all.length / pictures;
    t.is(own?.length, 2 * size);
    t.is(others?.length, size);
    const gap = Math.max(
      ...(own ?? []).map((value, i) => Math.abs(value - (all[i] ?? 9))),
      ...(others ?? []).map((value, i) => Math.abs(value - (all[5 * size + i] ?? 9))),
    );
    // Products of other sizes in float32, some steps in a row.
    t.true(gap < 1e-4, `${gap}`);
  }
  t.is(first.batch(0).targetTokens, pictures);
});
