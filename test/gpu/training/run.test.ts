// `anneal run --device cuda:0` as a user runs it, on the emulated device: to the end, killed and
// continued, and on a device that has too little memory.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { jsonLimits, parseJson } from '../../../crds/text/json.ts';
import { runReport } from '../../../crds/wire/run-report.ts';
import { temporaryFolder } from '../../doubles/sources.ts';
import { digestsBelow, resultOf, session } from '../../e2e/killed-run.ts';
import { type ToyJob, writeToyJob } from '../../toy/toy-job.ts';
import { installation } from './installation.ts';

const options = {
  name: 'device',
  method: { preset: 'LoRA', precision: { type: 'Float32' } },
  sizes: { vocab_size: 320 },
  dataset: { sequenceLength: 48, heldOut: { samples: 1 } },
  training: { maxSteps: 6, globalBatchSize: 2, learningRate: '1e-3' },
  checkpoint: { intervalSteps: 2 },
  formats: ['PEFTAdapter', 'MergedSafetensors'],
  worker: { devicesPerWorker: 1 },
};

test.serial('a job trains on the device that it asks for, also when it is killed', async (t) => {
  await using folder = await temporaryFolder();
  const variables = await installation(folder.path);
  const job = await writeToyJob(folder.path, options);
  const whole = await session(job, join(folder.path, 'one'), null, { variables });
  t.is(whole.code, 0, whole.stderr);
  const plan = whole.lines.find((line) => line.type === 'plan');
  t.is(plan?.device, 'cuda:0');
  const last = whole.lines.findLast((line) => line.type === 'step');
  t.true((last?.memory.device?.allocated ?? 0) > 0);
  const { device, memory } = await reportOf(job);
  t.is(device.type, 'cuda');
  t.is(device.name, 'NVIDIA H100 80GB HBM3');
  t.true((memory.device?.measured.peak ?? 0) > 0);
  t.log(`of the plan of the device ${gapOf(memory.device?.gap)}, of the host ${gapOf(memory.gap)}`);
  const expected = resultOf(job, whole.folder);

  const cache = join(folder.path, 'two');
  const point = { at: 'step', count: 5, ms: 0 } as const;
  const killed = await session(job, cache, point, { variables });
  t.true(killed.killed);
  const resumed = await session(job, cache, null, { variables });
  t.is(resumed.code, 0, resumed.stderr);
  t.true((resumed.firstStep ?? 0) >= 2);
  t.deepEqual(resultOf(job, resumed.folder), expected);
});

test.serial('two jobs train together on the device, with the bits of training alone', async (t) => {
  await using folder = await temporaryFolder();
  const variables = await installation(folder.path);
  const training = { ...options.training, maxSteps: 3 };
  const make = async (name: string, products: string) => {
    const method = { preset: 'LoRA', precision: { type: 'Float32', float32: { products } } };
    const formats = ['PEFTAdapter'];
    const own = { ...options, name, method, training, formats };
    return { name, ...(await writeToyJob(join(folder.path, name), own)) };
  };
  const jobs = [await make('one', 'Exact'), await make('two', 'Exact')] as const;
  const results = () => jobs.map(({ destination }) => digestsBelow(destination));
  for (const job of jobs) {
    const { code, stderr } = await session(job, join(folder.path, job.name, 'alone'), null, {
      variables,
    });
    t.is(code, 0, stderr);
  }
  const expected = results();
  const [first, second] = jobs;
  const cache = join(folder.path, 'together');
  const flags = [second.file];
  const together = await session(first, cache, null, { variables, flags });
  t.is(together.code, 0, together.stderr);
  t.deepEqual(results(), expected);
  const other = await make('three', 'TF32');
  const refused = await session(first, cache, null, { variables, flags: [other.file] });
  t.is(refused.code, 2);
  t.regex(refused.stderr, /differ in spec\.method\.precision\.float32\.products/);
});

test.serial('a device that is too small is told, with what would need less', async (t) => {
  await using folder = await temporaryFolder();
  const variables = {
    ...(await installation(folder.path)),
    ANNEAL_EMULATED_MEMORY: String(600_000),
  };
  const job = await writeToyJob(folder.path, options);
  const flags = ['--device', 'cuda:0'];
  const { code, stderr, lines } = await session(job, join(folder.path, 'cache'), null, {
    ...{ variables, flags },
  });
  t.is(code, 10);
  t.true(lines.some((line) => line.type === 'outcome' && line.code === 'E_DEVICE_OUT_OF_MEMORY'));
  t.regex(stderr, /cuda:0 has no memory left of .*; the plan was .*: weights/);
  t.notRegex(stderr, / at .*\.ts:\d/);
});

async function reportOf({ destination }: ToyJob) {
  const text = await readFile(join(destination, 'report.json'), 'utf8');
  return runReport.parse(parseJson(text, jsonLimits.runRecord));
}

function gapOf(gap: number | undefined): string {
  return `${(100 * (gap ?? Number.NaN)).toFixed(0)} %`;
}
