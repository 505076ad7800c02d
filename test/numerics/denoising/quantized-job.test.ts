// A job that quantizes a model that makes pictures, by the roles of the worker: without data, after
// training on some, stopped while it publishes, and with a file that is not what was written.
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { linearLayers } from '../../../worker/engine/adapted-layers.ts';
import { openSafetensors } from '../../../worker/files/safetensors.ts';
import { quantizedArtifact } from '../../../worker/publish/quantized-artifact.ts';
import { openTrainedModel } from '../../../worker/publish/trained-model.ts';
import { pngOf } from '../../builders/png.ts';
import { ToyRun } from '../../builders/toy-run.ts';
import { temporaryFolder } from '../../doubles/sources.ts';
import { makeDiffusion } from '../../toy/diffusion.ts';

const steps = 4;
const sizes = { in_channels: 1, out_channels: 1, attention_head_dim: 16, num_layers: 2 };
const labels = ['a', 'b', 'c', 'd', 'e'];
const quantization = {
  ...{ bits: 4, groupSize: 32, range: 'Symmetric', activations: 'Int8', smoothing: 'Search' },
  ...{ lowRank: 3, calibrationSequences: 10, trajectory: { steps } },
};

/** Of an untrained toy, whose pictures are no matter here. */
async function aRun(t: ExecutionContext, own: object = {}, job: object = {}): Promise<ToyRun> {
  const folder = await temporaryFolder();
  t.teardown(() => folder[Symbol.asyncDispose]());
  await makeDiffusion(join(folder.path, 'base'), sizes);
  await writePictures(folder.path);
  const spec = {
    model: { source: { local: { path: 'base' } }, task: 'Denoising' },
    method: { preset: 'NoTraining', precision: { type: 'Float32' } },
    worker: { devicesPerWorker: 0 },
    output: {
      quantization: { ...quantization, ...own },
      destination: { local: { path: 'out' } },
    },
    ...job,
  };
  const kind = { apiVersion: 'anneal.dev/v1alpha1', kind: 'FineTuneJob' };
  const file = join(folder.path, 'job.yaml');
  // JSON is YAML.
  await writeFile(file, JSON.stringify({ ...kind, metadata: { name: 'toy' }, spec }));
  return await ToyRun.of(file, join(folder.path, 'run'), join(folder.path, 'out'));
}

async function writePictures(folder: string): Promise<void> {
  for (const [label, name] of labels.entries()) {
    const own = join(folder, 'pictures', name);
    await mkdir(own, { recursive: true });
    for (let i = 0; i < 4; i += 1) {
      const samples = Array.from({ length: 16 }, (_, j) => (50 * label + 7 * i * j) % 256);
      const png = pngOf({ width: 4, height: 4, depth: 8, colourType: 0, samples });
      await writeFile(join(own, `${i}.png`), png);
    }
  }
}

/** All files of a result but those that say when it was made. */
async function filesOf({ destination }: ToyRun): Promise<ReadonlyMap<string, string>> {
  const folder = join(destination, 'compressed-tensors');
  const names = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = names.filter((one) => one.isFile()).map((one) => join(one.parentPath, one.name));
  const read = files.map(async (file) => {
    return [file.slice(folder.length), (await readFile(file)).toString('base64')] as const;
  });
  return new Map((await Promise.all(read)).sort());
}

test('a job without training and without data publishes a pipeline, its integers and what is beside them', async (t) => {
  const run = await aRun(t);
  const report = await run.all();
  t.like((await run.prepared()).data, { train: undefined, samples: 0 });
  t.is(report.training.totalSteps, 0);
  const [artifact] = report.artifacts;
  t.is(artifact?.format, 'CompressedTensors');
  const samples = artifact?.evaluation?.samples;
  t.like(samples, { pictures: 32, steps, guidance: 1.5 });
  t.is(samples?.psnr, 10 * Math.log10(4 / (samples?.meanSquare ?? 0)));
  t.deepEqual(
    [...(await filesOf(run)).keys()].map((file) => file.split('/')[1]),
    [
      'README.md',
      ...['integers', 'low-rank'].flatMap((of) => [of, of]),
      'scheduler',
      'transformer',
      'transformer',
    ],
  );
  const folder = join(run.destination, 'compressed-tensors');
  const config = JSON.parse(await readFile(join(folder, 'integers/config.json'), 'utf8'));
  t.deepEqual(
    config.inputs_as_they_are,
    [0, 1].map((i) => `transformer_blocks.${i}.norm1.linear`),
  );
  using integers = openSafetensors(join(folder, 'integers/model.safetensors'));
  const packed = [...integers.header.tensors.keys()].filter((name) => /weight_packed$/.test(name));
  t.is(packed.length, 2 * 7);
  const card = await readFile(join(folder, 'README.md'), 'utf8');
  t.regex(card, /4-bit integers in `integers\/`.* and the factors in `low-rank\/` stand for/);
  t.regex(card, /rounded, to Int8, which diffusers does not do/);
  t.regex(card, /\| records \| none \|/);
  t.regex(card, /PSNR \d+\.\d\d dB to the trained model, of 32 pictures of fixed noise in 4 steps/);
});

test('more bits, and a branch of all ranks, lose less', async (t) => {
  const psnrOf = async (own: object) => {
    const [artifact] = (await (await aRun(t, own)).all()).artifacts;
    return artifact?.evaluation?.samples?.psnr ?? Number.NaN;
  };
  const plain = { activations: 'None', smoothing: 'None', lowRank: 0, calibrationSequences: 10 };
  const [three, eight] = [await psnrOf({ ...plain, bits: 3 }), await psnrOf({ ...plain, bits: 8 })];
  t.true(eight > three + 10, `${three} ${eight}`);
  // What is left of a weight whose branch has all ranks is what bfloat16 loses.
  const whole = await psnrOf({ ...plain, bits: 3, smoothing: 'Search', lowRank: 64 });
  t.true(whole > three + 20, `${three} ${whole}`);
});

test('publishing that is stopped anywhere makes the same files when it is done again', async (t) => {
  const whole = await aRun(t);
  await whole.all();
  const expected = await filesOf(whole);
  for (const at of ['quantized weights', 'pictures of CompressedTensors']) {
    const run = await aRun(t);
    await run.prepare();
    await run.train();
    run.onMessage = (message) => {
      if (message.type === 'stage' && message.subject === at) run.stop();
    };
    await t.throwsAsync(run.publish(), { name: 'AbortError' });
    t.false((await readdir(run.destination)).includes('compressed-tensors'));
    run.startAgain();
    await run.publish();
    const found = await filesOf(run);
    t.deepEqual([...found.keys()], [...expected.keys()]);
    for (const [name, bytes] of expected) {
      // The digest of a job is of its paths too.
      if (name !== '/README.md') t.is(found.get(name), bytes, name);
    }
  }
});

for (const own of [{ type: 'Dense' }, { type: 'NF4', nf4: { blockSize: 32 } }]) {
  test(`a model that learned by LoRA on ${own.type} is quantized with what it learned`, async (t) => {
    const run = await aRun(
      t,
      {},
      {
        dataset: { train: { local: { path: 'pictures' } }, labels, heldOut: { samples: 4 } },
        method: { preset: 'LoRA', base: own, precision: { type: 'Float32' } },
        training: { maxSteps: 3, globalBatchSize: 4, learningRate: '1e-1' },
      },
    );
    const report = await run.all();
    const [artifact] = report.artifacts;
    t.is(artifact?.format, 'CompressedTensors');
    t.true((artifact?.evaluation?.samples?.psnr ?? 0) > 0);
    const { data } = await run.prepared();
    t.is(data.samples, 20);
  });
}

test('a pipeline whose weights are not those of its integers is refused', async (t) => {
  const run = await aRun(t);
  await run.all();
  const records = { run: run.record, prepared: await run.prepared(), trained: await run.trained() };
  using opened = await openTrainedModel(run.folder, records);
  const { files, method, model, initial } = opened;
  const { report } = records.trained;
  const { quantization: own } = run.record.spec.output;
  if (own === undefined) return t.fail();
  const facts = { ...records, files, method, model, initial, report };
  const context = { emit: () => {}, stop: new AbortController().signal };
  const writer = quantizedArtifact(facts, 'CompressedTensors', own, context);
  t.teardown(() => writer.dispose?.());
  const folder = join(run.folder, 'again');
  await mkdir(folder);
  await writer.write(folder);
  const copy = await writer.reload(folder, 'float32');
  copy.parameters[Symbol.dispose]();
  const file = join(folder, 'transformer/diffusion_pytorch_model.safetensors');
  const bytes = await readFile(file);
  const { path } = linearLayers(files.config)[9] ?? { path: '' };
  using tensors = openSafetensors(file);
  const at = tensors.header.tensors.get(`${path}.weight`)?.begin ?? 0;
  bytes.writeFloatLE(bytes.readFloatLE(at + 8) + 0.5, at + 8);
  await writeFile(file, bytes);
  await t.throwsAsync(writer.reload(folder, 'float32'), {
    message: `the weights of ${path}, read back, are not those of its integers and of what is added to them`,
  });
});
