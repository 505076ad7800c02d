/**
 * The memory plan beside what processes took: whole runs of the real command on the demo's model,
 * two steps each, with evaluation, answers and results. Peaks do not depend on what else runs, so
 * one round is enough.
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ensureDemo } from '../../../cli/setup/demo.ts';
import { ensureEntry } from '../../../cli/setup/entry.ts';
import { ensureNative } from '../../../cli/setup/native.ts';
import type { Setup } from '../../../cli/setup/setup.ts';
import { gemma270m, writeLargeVocabulary } from '../../builders/large-vocabulary.ts';
import { chosenOf } from '../chosen.ts';
import { runJob } from '../run-job.ts';
import { memoryJobs } from './jobs.ts';

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
  for (const job of chosenOf(memoryJobs, values.only)) {
    const drawn = job.model === undefined ? {} : { modelVolume: await ensureDrawn(setup) };
    const { memory } = await runJob(setup, { ...job, ...drawn, steps: 2 }, volume, scratch);
    const { predicted, measured, publish } = memory;
    rows.push(rowOf(job.name, `training, ${predicted?.stage}`, predicted?.peak, measured.peak));
    rows.push(rowOf(job.name, 'publishing', publish?.predicted, publish?.measured));
    for (const row of rows.slice(-2)) setup.steps.note(row);
  }
  const head = ['| job | process, largest stage | planned MiB | measured | measured ÷ planned |'];
  process.stdout.write(`\n${[...head, '| --- | --- | --- | --- | --- |', ...rows].join('\n')}\n`);
}

/**
 * A folder that holds a model of the shape of Gemma-3-270M as `model`, made now if it is not there.
 */
function ensureDrawn(setup: Setup): Promise<string> {
  return ensureEntry(setup, {
    folder: join(setup.cache.volumes, 'drawn-large-vocabulary'),
    bytes: 1e9,
    make: (staging) =>
      setup.steps.step('model', 'drawing a model of a large vocabulary', () =>
        writeLargeVocabulary(join(staging, 'model'), gemma270m),
      ),
  });
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
