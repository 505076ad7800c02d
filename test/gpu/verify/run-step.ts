// Runs a step in a process group of its own, which ends with it whatever it has started.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Found, found, type Verified } from './result.ts';
import { type Step, steps } from './step.ts';

export interface Run {
  readonly scratch: string;
  /** `emulated`, `sample`. */
  readonly flags: readonly string[];
  readonly variables: Readonly<Record<string, string>>;
  /** Of `performance.now()`: what has not begun until then is left out. */
  readonly until: number;
  readonly signal: AbortSignal;
}

const late: Found = { figures: [], failures: [], leftOut: ['the time for all steps was over'] };

/** So much of what a step printed is told where it ended without a result. */
const toldBytes = 4000;

export async function runStep(name: string, run: Run): Promise<Verified> {
  const step = steps[name];
  if (step === undefined) throw new RangeError(`there is no step ${name}`);
  const folder = join(run.scratch, name);
  await mkdir(folder, { recursive: true });
  const began = performance.now();
  const its = began < run.until ? await ended(name, step, folder, run) : late;
  await rm(folder, { recursive: true, force: true });
  const seconds = (performance.now() - began) / 1000;
  return { name, title: step.title, seconds, outcome: outcomeOf(its), ...its };
}

function outcomeOf({ figures, failures, leftOut }: Found): Verified['outcome'] {
  if (failures.length > 0) return 'Failed';
  return figures.length === 0 && leftOut.length > 0 ? 'LeftOut' : 'Passed';
}

async function ended(name: string, step: Step, folder: string, run: Run): Promise<Found> {
  const result = `${folder}.json`;
  const entry = join(import.meta.dirname, 'one-step.ts');
  const child = spawn(process.execPath, [entry, name, folder, result, ...run.flags], {
    env: { ...process.env, ...run.variables },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let said = '';
  const hear = (text: string) => {
    said = (said + text).slice(-toldBytes);
  };
  child.stdout.setEncoding('utf8').on('data', hear);
  child.stderr.setEncoding('utf8').on('data', hear);
  const seconds = Math.min(step.limit, (run.until - performance.now()) / 1000);
  const limit = AbortSignal.timeout(Math.max(0, Math.ceil(seconds * 1000)));
  const stop = () => killGroup(child.pid);
  const either = AbortSignal.any([limit, run.signal]);
  either.addEventListener('abort', stop);
  await once(child, 'exit');
  either.removeEventListener('abort', stop);
  stop();
  run.signal.throwIfAborted();
  if (existsSync(result)) return found.parse(JSON.parse(await readFile(result, 'utf8')));
  const why = limit.aborted
    ? `not done within ${seconds.toFixed(0)} s`
    : `ended without a result: ${said}`;
  return { figures: [], failures: [why], leftOut: [] };
}

function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch (error) {
    // All of it has ended.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
