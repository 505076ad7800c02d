// `anneal run` on a device, as processes: the same file, with a program of the name nvidia-smi and
// the emulated device in the place of the CUDA kernels. The product knows neither from real ones.
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { TelemetryOf } from '../../crds/wire/telemetry.ts';
import { temporaryFolder } from '../doubles/temporary-folder.ts';
import { type RunLine, startAnneal } from '../e2e/anneal-process.ts';
import { type ToyJobOptions, writeToyJob } from '../toy/toy-job.ts';
import { installation } from './training/installation.ts';

const options: ToyJobOptions = {
  name: 'device',
  method: { preset: 'LoRA', precision: { type: 'Float32' } },
  sizes: { vocab_size: 320 },
  dataset: { sequenceLength: 48 },
  training: { maxSteps: 2, globalBatchSize: 2, learningRate: '1e-3' },
  worker: { devicesPerWorker: 1 },
};

async function ran(
  t: ExecutionContext,
  file: string,
  variables: Readonly<Record<string, string>>,
  flags: readonly string[] = [],
) {
  const lines: RunLine[] = [];
  const cache = join(dirname(file), 'cache');
  const { ended } = startAnneal(file, cache, (line) => lines.push(line), flags, variables);
  const { code, stderr } = await ended;
  t.log(stderr.trim());
  const of = <T extends 'plan' | 'step'>(type: T) =>
    lines.filter((line): line is TelemetryOf<T> => line.type === type);
  const [begin] = lines.filter((line) => line.type === 'begin');
  const record = begin && JSON.parse(await readFile(join(begin.folder, 'run.json'), 'utf8'));
  return { code, stderr, record, plan: of('plan')[0], losses: of('step').map(({ loss }) => loss) };
}

test('one file trains on a device where there is one, else on the processor with a line', async (t) => {
  await using temporary = await temporaryFolder();
  const { file } = await writeToyJob(temporary.path, options);
  const gpu = { ...(await installation(temporary.path)), CUDA_VISIBLE_DEVICES: '0' };

  const device = await ran(t, file, gpu);
  t.is(device.code, 0);
  t.is(device.record?.device, 'cuda:0');
  t.is(device.record?.deviceProduct, 'NVIDIA H100 80GB HBM3');
  t.is(device.plan?.device, 'cuda:0');
  t.is(device.stderr, '');

  const processor = await ran(t, file, { ...gpu, CUDA_VISIBLE_DEVICES: '-1' });
  t.is(processor.code, 0);
  t.is(processor.record?.device, 'cpu');
  t.regex(
    processor.stderr,
    /^spec\.worker\.devicesPerWorker is 1, and this machine has no CUDA device \(CUDA_VISIBLE_DEVICES hides 1 of 1\): training on the processor$/m,
  );

  t.is(device.losses.length, 2);
  for (const [index, loss] of device.losses.entries()) {
    // Sums of products in another order, in float32.
    t.true(Math.abs(loss! / processor.losses[index]! - 1) < 1e-4, `${loss}`);
  }

  const named = await ran(t, file, gpu, ['--device', 'cpu', '--fresh']);
  t.deepEqual([named.code, named.record?.device, named.stderr], [0, 'cpu', '']);
  t.deepEqual(named.losses, processor.losses);

  const absent = await ran(t, file, gpu, ['--device', 'cuda:1']);
  t.is(absent.code, 2);
  t.regex(absent.stderr, /--device is cuda:1, and this machine has one CUDA device: cuda:0/);
});

test('a file of several devices has as many processes, or those that this machine has devices for', async (t) => {
  await using temporary = await temporaryFolder();
  const worker = { devicesPerWorker: 2 };
  const { file } = await writeToyJob(temporary.path, { ...options, worker });
  const both = await ran(t, file, await installation(join(temporary.path, 'two'), 2));
  t.is(both.code, 0);
  t.like(both.record, { device: 'cuda:0', workers: 2 });
  t.is(both.stderr, '');

  const one = await ran(t, file, await installation(join(temporary.path, 'one'), 1), ['--fresh']);
  t.is(one.code, 0);
  t.like(one.record, { device: 'cuda:0', workers: 1 });
  t.is(
    one.stderr.trim(),
    'spec.worker.devicesPerWorker is 2, and this machine has one CUDA device: training on it',
  );
  t.is(both.losses.length, 2);
  for (const [index, loss] of both.losses.entries()) {
    t.true(Math.abs((loss ?? Number.NaN) / (one.losses[index] ?? Number.NaN) - 1) < 1e-4);
  }
});
