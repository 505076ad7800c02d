/**
 * Methods beside full fine-tuning of the same model, in alternating rounds of whole runs of the real command: time of a step, peak of
 * the training process, loss on the same held-out conversations. The time is the median of the steps behind the first: that one fills
 * caches, and is the only one of GaLore and Q-GaLore that chooses directions, as long as there are fewer steps than `refreshSteps`.
 * OwLore chooses at every draw, and draws every second step here.
 */
import { mkdir, rm } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ensureDemo } from '../../../cli/setup/demo.ts';
import { ensureNative } from '../../../cli/setup/native.ts';
import type { Setup } from '../../../cli/setup/setup.ts';
import type { RunReport } from '../../../crds/wire/run-report.ts';
import { modelShapes } from '../models/shapes.ts';
import { runJob } from '../run-job.ts';
import { methodJobs } from './jobs.ts';
import { methodsTable } from './methods-table.ts';

const root = join(import.meta.dirname, '../../..');
const blocksOfDemo = 30;

export async function benchMethods(setup: Setup, args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string', default: '' },
      /** A published shape whose weights are drawn, in place of the demo's model. */
      model: { type: 'string', default: '' },
      rounds: { type: 'string', default: '3' },
      steps: { type: 'string', default: '6' },
    },
  });
  await ensureNative(setup, root);
  const volume = await ensureDemo(setup);
  const drawn = values.model === '' ? {} : await drawnModel(setup, volume, values.model);
  const scratch = join(setup.cache.root, `bench/methods-${values.model || 'demo'}`);
  const wanted = values.only.split(',');
  const blocks = modelShapes.get(values.model)?.num_hidden_layers ?? blocksOfDemo;
  const jobs = methodJobs(blocks).filter(({ name }) => values.only === '' || wanted.includes(name));
  const reports = new Map<string, RunReport[]>(jobs.map(({ name }) => [name, []]));
  for (let round = 0; round < Number(values.rounds); round += 1) {
    await rm(scratch, { recursive: true, force: true });
    for (const job of jobs) {
      await mkdir(scratch, { recursive: true });
      const asked = { ...job, ...drawn, steps: Number(values.steps) };
      const report = await runJob(setup, asked, volume, scratch);
      reports.get(job.name)?.push(report);
      setup.steps.note(`${job.name}: ${wordsOf(report)}`);
      await removeRun(scratch, job.name);
    }
  }
  const withLosses = values.model === '';
  process.stdout.write(`\n${methodsTable(reports, { withLosses })}\n`);
}

/** Loaded when the addon stands. Nothing is held out: what a drawn model says of it means nothing, and takes minutes. */
async function drawnModel(setup: Setup, demo: string, shape: string) {
  const { ensureShapedModel } = await import('../models/shaped-model.ts');
  const modelVolume = await ensureShapedModel(setup, demo, shape);
  return { modelVolume, dataset: { heldOut: undefined } };
}

function wordsOf({ training, memory }: RunReport): string {
  const { peak } = memory.measured;
  const [load = Number.NaN] = loadavg();
  const time = `${(training.stepMs ?? Number.NaN).toFixed(0)} ms a step`;
  return `${time}, ${(peak / 2 ** 20).toFixed(0)} MiB, load ${load.toFixed(1)}`;
}

/** Checkpoints and results of larger models are gigabytes. What is kept are the data in tokens, which the next run takes. */
async function removeRun(scratch: string, name: string): Promise<void> {
  for (const folder of [name, `runs/${name}`]) {
    await rm(join(scratch, folder), { recursive: true, force: true });
  }
}
