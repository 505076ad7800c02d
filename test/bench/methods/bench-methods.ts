/**
 * Methods beside full fine-tuning of the same model, in rounds of whole runs of the real command,
 * every second one backwards: time of a step, peak of the training process, loss on the same
 * held-out conversations; or, with --alone, of steps and nothing else. The time is the median of
 * the steps behind the first: that one fills caches, and is the only one of GaLore and Q-GaLore
 * that chooses directions, as long as there are fewer steps than `refreshSteps`. OwLore chooses at
 * every draw, and draws every second step here. With --equal-rank, adapters beside LoRA of that
 * rank, in turn in one process, step by step.
 */
import { rm } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ensureDemo } from '../../../cli/setup/demo.ts';
import { ensureNative } from '../../../cli/setup/native.ts';
import type { Setup } from '../../../cli/setup/setup.ts';
import { UserError } from '../../../crds/failures/errors.ts';
import { chosenOf } from '../chosen.ts';
import { drawnModel } from '../models/drawn-model.ts';
import { modelShapes } from '../models/shapes.ts';
import { forgetRun } from '../run-document.ts';
import { type BenchJob, runJob } from '../run-job.ts';
import { inTurn } from '../turns.ts';
import { notAlone, runAlone } from './alone.ts';
import { equalRankTable, jobsOfRank, runInTurn } from './equal-rank.ts';
import { besideLora, methodJobs } from './jobs.ts';
import { type MethodRun, methodRunOf, methodsTable } from './methods-table.ts';

const root = join(import.meta.dirname, '../../..');
const blocksOfDemo = 30;

export async function benchMethods(setup: Setup, args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string', default: '' },
      /** What may stand in place of LoRA, each as its example has it, in place of the others. */
      adapters: { type: 'boolean', default: false },
      /** A published shape whose weights are drawn, in place of the demo's model. */
      model: { type: 'string', default: '' },
      /** Steps and nothing besides, which takes a tenth of the time. */
      alone: { type: 'boolean', default: false },
      /** Adapters whose change is a product, of this rank, in place of the others. */
      'equal-rank': { type: 'string', default: '' },
      sequences: { type: 'string', default: '1' },
      rounds: { type: 'string', default: '3' },
      steps: { type: 'string', default: '6' },
    },
  });
  if (values.adapters && values.alone) {
    const message =
      '--alone has steps and no stage before the first one, which many of --adapters need';
    throw new UserError({ code: 'E_USAGE', message });
  }
  if (values['equal-rank'] !== '') return await benchEqualRank(setup, values);
  const blocks = modelShapes.get(values.model)?.num_hidden_layers ?? blocksOfDemo;
  const all = values.adapters ? besideLora : methodJobs(blocks);
  const jobs = chosenOf(all, values.only).filter(
    ({ name }) => !(values.alone && notAlone.includes(name)),
  );
  await ensureNative(setup, root);
  const volume = await ensureDemo(setup);
  const drawn = values.model === '' ? undefined : await drawnModel(setup, volume, values.model);
  const scratch = join(setup.cache.root, `bench/methods-${values.model || 'demo'}`);
  const runOne = (job: BenchJob) =>
    values.alone
      ? runAlone(job, join(drawn ?? volume, 'model'), setup.signal)
      : runWhole(setup, job, { volume, drawn, scratch });
  const runs = new Map<string, MethodRun[]>(jobs.map(({ name }) => [name, []]));
  await rm(scratch, { recursive: true, force: true });
  for (let round = 0; round < Number(values.rounds); round += 1) {
    for (const job of inTurn(jobs, round)) {
      const run = await runOne({ ...job, steps: Number(values.steps) });
      runs.get(job.name)?.push(run);
      setup.steps.note(`${job.name}: ${wordsOf(run)}`);
    }
  }
  process.stdout.write(`\n${methodsTable(runs)}\n`);
}

interface OfOneRank {
  readonly 'equal-rank': string;
  readonly only: string;
  readonly sequences: string;
  readonly steps: string;
}

async function benchEqualRank(setup: Setup, values: OfOneRank): Promise<void> {
  const all = jobsOfRank(Number(values['equal-rank']), Number(values.sequences));
  const steps = Number(values.steps);
  const jobs = chosenOf(all, values.only).map((job) => ({ ...job, steps }));
  await ensureNative(setup, root);
  const volume = await ensureDemo(setup);
  const result = await runInTurn(jobs, join(volume, 'model'), setup.signal);
  process.stdout.write(`\n${equalRankTable(result)}\n`);
}

interface Places {
  readonly volume: string;
  readonly drawn: string | undefined;
  readonly scratch: string;
}

/** Of a drawn model nothing is held out: what it says of that means nothing, and takes minutes. */
async function runWhole(
  setup: Setup,
  job: BenchJob,
  { volume, drawn, scratch }: Places,
): Promise<MethodRun> {
  const asked =
    drawn === undefined ? job : { ...job, modelVolume: drawn, dataset: { heldOut: undefined } };
  const report = await runJob(setup, asked, volume, scratch);
  // Gigabytes, of larger models.
  await forgetRun(scratch, job.name);
  return methodRunOf(report, drawn === undefined);
}

function wordsOf({ stepMs, processorMs, peak }: MethodRun): string {
  const [load = Number.NaN] = loadavg();
  const processor = processorMs === undefined ? '' : `, ${processorMs.toFixed(0)} of processors`;
  return `${stepMs.toFixed(0)} ms a step${processor}, ${(peak / 2 ** 20).toFixed(0)} MiB, load ${load.toFixed(1)}`;
}
