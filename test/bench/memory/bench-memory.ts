/**
 * The memory plan beside what processes took: whole runs of the real command on the demo's model, two steps each, with evaluation,
 * answers and results. Peaks do not depend on what else runs, so one round is enough.
 */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { execa } from 'execa';
import { stringify } from 'yaml';
import { ensureDemo } from '../../../cli/setup/demo.ts';
import { ensureNative } from '../../../cli/setup/native.ts';
import type { Setup } from '../../../cli/setup/setup.ts';
import { type RunReport, runReport } from '../../../crds/wire/run-report.ts';
import { type MemoryJob, memoryJobs } from './jobs.ts';

const root = join(import.meta.dirname, '../../..');

export async function benchMemory(setup: Setup, args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: { only: { type: 'string', default: '' } },
  });
  await ensureNative(setup, root);
  const volume = await ensureDemo(setup);
  const scratch = join(setup.cache.root, 'bench/memory');
  await rm(scratch, { recursive: true, force: true });
  await mkdir(scratch, { recursive: true });
  const rows: string[] = [];
  for (const job of memoryJobs.filter(({ name }) => name.includes(values.only))) {
    const { memory } = await runJob(setup, job, volume, scratch);
    const { predicted, measured, publish } = memory;
    rows.push(rowOf(job.name, `training, ${predicted?.stage}`, predicted?.peak, measured.peak));
    rows.push(rowOf(job.name, 'publishing', publish?.predicted, publish?.measured));
    for (const row of rows.slice(-2)) setup.steps.note(row);
  }
  const head = ['| job | process, largest stage | planned MiB | measured | measured ÷ planned |'];
  process.stdout.write(`\n${[...head, '| --- | --- | --- | --- | --- |', ...rows].join('\n')}\n`);
}

async function runJob(
  setup: Setup,
  { name, method, training, formats }: MemoryJob,
  volume: string,
  scratch: string,
): Promise<RunReport> {
  const file = join(scratch, `${name}.yaml`);
  const demo = (path: string) => ({ persistentVolumeClaim: { claimName: 'demo', path } });
  const spec = {
    model: { source: demo('model') },
    dataset: {
      ...{ train: demo('sharegpt.json'), format: 'Chat', maxSamples: 60, overlength: 'Skip' },
      ...{ heldOut: { samples: 4 }, sequenceLength: 256, packing: 'Packed', tokensPerBin: 512 },
    },
    method,
    training: { maxSteps: 2, globalBatchSize: 1, learningRate: '1e-4', ...training },
    worker: { devicesPerWorker: 0 },
    output: { formats, destination: { local: { path: name } } },
  };
  const document = { apiVersion: 'anneal.dev/v1alpha1', kind: 'FineTuneJob', metadata: { name } };
  await writeFile(file, stringify({ ...document, spec }));
  const words = ['run', file, '--fresh', '--display', 'json', '--volume', `demo=${volume}`];
  await execa(process.execPath, [join(root, 'cli/anneal.mjs'), ...words], {
    env: { ANNEAL_CACHE: scratch },
    cancelSignal: setup.signal,
  });
  return runReport.parse(JSON.parse(await readFile(join(scratch, name, 'report.json'), 'utf8')));
}

function rowOf(
  name: string,
  stage: string,
  planned: number | undefined,
  measured: number | undefined,
): string {
  const mib = (bytes: number | undefined) => ((bytes ?? Number.NaN) / 2 ** 20).toFixed(0);
  const ratio = ((measured ?? Number.NaN) / (planned ?? Number.NaN)).toFixed(3);
  return `| ${name} | ${stage} | ${mib(planned)} | ${mib(measured)} | ${ratio} |`;
}
