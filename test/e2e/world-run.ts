// `anneal run --workers N` on a toy job, in real processes that a test can harm.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { type ToyJob, type ToyJobOptions, writeToyJob } from '../toy/toy-job.ts';
import { type RunLine, startAnneal } from './anneal-process.ts';
import { type Result, resultOf } from './killed-run.ts';

interface Ended {
  readonly code: number | null;
  readonly stderr: string;
  readonly lines: readonly RunLine[];
  readonly folder: string;
}

export interface Running {
  /** SIGKILL, or another signal, to the trainer of a rank. */
  killTrainer(rank: number, signal?: NodeJS.Signals): void;
  killAll(): void;
  stop(): void;
}

/** Runs the job; each line goes to `onLine`, which may do harm. */
export async function runWorld(
  job: ToyJob,
  cache: string,
  workers: number,
  onLine: (line: RunLine, running: Running) => void = () => {},
  variables: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const lines: RunLine[] = [];
  const running: Running = {
    killTrainer(rank, signal = 'SIGKILL') {
      const pid = anneal.workers()[rank];
      if (pid !== undefined) process.kill(pid, signal);
    },
    killAll: () => anneal.kill('tree'),
    stop: () => anneal.stop(),
  };
  const see = (line: RunLine): void => {
    lines.push(line);
    onLine(line, running);
  };
  const anneal = startAnneal(job.file, cache, see, ['--workers', String(workers)], variables);
  const ended = await anneal.ended;
  const begun = lines.find((line) => line.type === 'begin');
  return { ...ended, lines, folder: begun?.folder ?? '' };
}

/** In a folder that goes with the test, with time for several runs. */
export async function aWorldJob(t: ExecutionContext, options: ToyJobOptions) {
  t.timeout(600_000);
  const folder = await mkdtemp(join(tmpdir(), 'anneal-world-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return { folder, job: await writeToyJob(folder, options) };
}

/** SIGKILL to the trainer of a rank after this step; once, since the step is made again. */
export function killsAfter(step: number, rank: number): (line: RunLine, running: Running) => void {
  let killed = false;
  return (line, running) => {
    if (line.type !== 'step' || line.step !== step || killed) return;
    killed = true;
    running.killTrainer(rank);
  };
}

/** All but where pieces lie: what a run trained, whatever world it was. */
export async function undisturbed(
  t: ExecutionContext,
  job: ToyJob,
  cache: string,
  workers: number,
  variables: Readonly<Record<string, string>> = {},
): Promise<Result> {
  const ended = await runWorld(job, cache, workers, () => {}, variables);
  t.is(ended.code, 0, ended.stderr);
  return resultOf(job, ended.folder);
}

export const warningsIn = (lines: readonly RunLine[]) =>
  lines.flatMap((line) => (line.type === 'warning' ? [line] : []));

/** Losses of the evaluations of a run. */
export function lossesOf({ evaluation }: Result): readonly number[] {
  const { all } = evaluation as { readonly all: readonly { readonly loss: number }[] };
  return all.map(({ loss }) => loss);
}
