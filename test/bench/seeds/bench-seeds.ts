/**
 * Real training, method by method, from several seeds: whole runs of the real command on the demo's
 * model and conversations, as many steps of as many tokens each. A seed says the order of the data
 * and all else that is drawn; what is held out is the same for all. Outcomes lie in a file to which
 * each run adds a line: runs that are in it are not made again, and the table is of what is there.
 * What a step takes is no part of it, so that it may run beside other work.
 */
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ExecaError } from 'execa';
import * as z from 'zod';
import { ensureDemo } from '../../../cli/setup/demo.ts';
import { ensureNative } from '../../../cli/setup/native.ts';
import type { Setup } from '../../../cli/setup/setup.ts';
import { UserError } from '../../../crds/failures/errors.ts';
import { chosenOf } from '../chosen.ts';
import { drawnModel } from '../models/drawn-model.ts';
import { digestOf, Outcomes } from '../outcomes.ts';
import { forgetRun } from '../run-document.ts';
import { type BenchJob, documentOf, runJob } from '../run-job.ts';
import { numberOf, numbersOf, seedOptions } from '../seed-options.ts';
import { askedOf, usualSeries } from './asked.ts';
import { besideLora, fromTheBeginning, jobsOfDrawn, type SeedJob, seedJobs } from './jobs.ts';
import { type Outcome, outcome, outcomeOf } from './outcome.ts';
import { curveTable, seedsTable } from './seeds-table.ts';

const root = join(import.meta.dirname, '../../..');

export async function benchSeeds(setup: Setup, args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      ...seedOptions('seeds.jsonl', usualSeries.seeds.join(',')),
      /** What may stand in place of LoRA, each as its example has it. */
      adapters: { type: 'boolean', default: false },
      steps: { type: 'string', default: String(usualSeries.steps) },
      /** Steps between evaluations, where the way is of interest. */
      every: { type: 'string', default: '' },
      /** Steps whose evaluations are shown. */
      at: { type: 'string', default: '5,10,20,64' },
      /** Learning rates in place of those of the jobs, to choose between them. */
      rates: { type: 'string', default: '' },
      /** A shape, such as SmolLM2-135M: drawn weights of it are trained from the beginning. */
      drawn: { type: 'string', default: '' },
    },
  });
  const jobs = atRates(jobsOf(values), values.rates === '' ? [] : values.rates.split(','));
  const steps = numberOf('steps', values.steps);
  const every = values.every === '' ? null : numberOf('every', values.every);
  const shown = numbersOf('at', values.at, 1);
  const seeds = numbersOf('seeds', values.seeds);
  await ensureNative(setup, root);
  const volume = await ensureDemo(setup);
  const model =
    values.drawn === '' ? {} : { modelVolume: await drawnModel(setup, volume, values.drawn) };
  const runs = seeds.flatMap((seed) =>
    jobs.map((job) => ({
      ...{ ...job, seed },
      asked: { ...askedOf(job, seed, { steps, every }), ...model },
    })),
  );
  const outcomes = new Outcomes(values.out, outcome);
  if (!values.table) {
    for (const run of runs) await runOnce(setup, run, volume, outcomes);
  }
  const digests = new Set(runs.map(({ asked }) => digestOf(documentOf(asked))));
  const wanted = (await outcomes.read()).filter(({ digest }) => digests.has(digest));
  process.stdout.write(`\n${seedsTable(jobs, wanted)}\n`);
  if (every !== null) process.stdout.write(`\n${curveTable(jobs, wanted, shown)}\n`);
}

interface Which {
  readonly only: string;
  readonly adapters: boolean;
  readonly drawn: string;
}

function jobsOf({ only, adapters, drawn }: Which): readonly SeedJob[] {
  if (drawn === '') return chosenOf(adapters ? besideLora : seedJobs, only);
  if (!adapters) return chosenOf(jobsOfDrawn, only).map((job) => fromTheBeginning(job, drawn));
  const message = '--drawn trains all weights; it cannot be given with --adapters';
  throw new UserError({ code: 'E_USAGE', message });
}

interface Run extends SeedJob {
  readonly seed: number;
  readonly asked: BenchJob;
}

/** Adds its line, unless that is there. */
async function runOnce(
  setup: Setup,
  { name, seed, learningRate, asked }: Run,
  volume: string,
  outcomes: Outcomes<Outcome>,
): Promise<void> {
  const digest = digestOf(documentOf(asked));
  if (await outcomes.has(digest)) return;
  const scratch = join(setup.cache.root, 'bench/seeds');
  const report = await runJob(setup, asked, volume, scratch).catch((error: unknown) => {
    if (!(error instanceof ExecaError) || setup.signal.aborted) throw error;
    // One that diverges, or whose result is refused, says nothing of the others.
    setup.steps.note(`${name}, seed ${seed}: ${reasonOf(error)}`);
    return undefined;
  });
  if (report === undefined) return;
  const [load = Number.NaN] = loadavg();
  const one = outcomeOf({ name, seed, digest, learningRate }, report, load);
  await outcomes.add(one);
  await forgetRun(scratch, asked.name);
  setup.steps.note(`${name}, seed ${seed}: ${wordsOf(one)}`);
}

/** What the run said last, as `--display json` has it. */
function reasonOf({ stdout, exitCode }: ExecaError): string {
  const last = outcomeSaid.safeParse(parsed(String(stdout).trimEnd().split('\n').at(-1) ?? ''));
  return last.data?.message ?? `ended with exit code ${exitCode}`;
}

const outcomeSaid = z.object({ message: z.string() });

function parsed(line: string): unknown {
  return line.startsWith('{') ? JSON.parse(line) : undefined;
}

function wordsOf({ before, after, stepMs, load }: Outcome): string {
  const losses = `${before.toFixed(4)} to ${after?.toFixed(4) ?? 'no number'}`;
  return `${losses}, ${(stepMs / 1000).toFixed(2)} s a step, load ${load.toFixed(1)}`;
}

/** Each job once for each rate; as they are where none is given. */
function atRates(jobs: readonly SeedJob[], rates: readonly string[]): readonly SeedJob[] {
  if (rates.length === 0) return jobs;
  return jobs.flatMap((job) =>
    rates.map((rate) => ({ ...job, name: `${job.name}@${rate}`, learningRate: rate, against: [] })),
  );
}
