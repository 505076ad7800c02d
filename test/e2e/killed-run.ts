// A run that is killed at a chosen point, and what a run left behind, in a form that two runs can
// be compared by.
import { createHash } from 'node:crypto';
import { existsSync, type FSWatcher, mkdirSync, readdirSync, readFileSync, watch } from 'node:fs';
import { join } from 'node:path';
import { runFiles } from '../../crds/wire/run-folder.ts';
import type { ToyJob } from '../toy/toy-job.ts';
import { type RunLine, startAnneal, type Victim } from './anneal-process.ts';

/** When to kill, counted from the start of the process. */
export type KillPoint =
  | { readonly at: 'time'; readonly ms: number }
  | { readonly at: 'step'; readonly count: number; readonly ms: number }
  /** While the n-th checkpoint is being written. */
  | { readonly at: 'save'; readonly count: number; readonly ms: number }
  /** While an artefact is being written. */
  | { readonly at: 'export'; readonly ms: number };

export interface Session {
  readonly killed: boolean;
  readonly code: number | null;
  readonly stderr: string;
  readonly lines: readonly RunLine[];
  /** Folder of the run; empty when it was killed before it said so. */
  readonly folder: string;
  /** The command found an earlier run to go on with. */
  readonly continued: boolean;
  /** Step that it went on after; null when it did not get so far. */
  readonly firstStep: number | null;
}

export interface SessionOptions {
  readonly victim?: Victim;
  readonly flags?: readonly string[];
  /** Added to the environment. */
  readonly variables?: Readonly<Record<string, string>>;
  /** Gets each line as it comes, before it counts for the point. */
  readonly onLine?: (line: RunLine) => void;
}

/** Runs the job until the point is reached, or to its end. */
export async function session(
  job: ToyJob,
  cache: string,
  point: KillPoint | null,
  { victim = 'tree', flags = [], variables = {}, onLine = () => {} }: SessionOptions = {},
): Promise<Session> {
  const lines: RunLine[] = [];
  const watchers: FSWatcher[] = [];
  let killed = false;
  let begun: Extract<RunLine, { type: 'begin' }> | undefined;
  const kill = (): void => {
    killed = true;
    anneal.kill(victim);
  };
  const count = counter(point, kill);
  const see = (line: RunLine): void => {
    lines.push(line);
    onLine(line);
    if (line.type === 'step') count('step');
    if (line.type !== 'begin') return;
    begun = line;
    const checkpoints = join(line.folder, 'checkpoints');
    mkdirSync(checkpoints, { recursive: true });
    watchers.push(onPartial(checkpoints, () => count('save')));
    watchers.push(onPartial(job.destination, () => count('export')));
  };
  const anneal = startAnneal(job.file, cache, see, flags, variables);
  count('time');
  const { code, stderr } = await anneal.ended;
  for (const watcher of watchers) watcher.close();
  count('ended');
  const plan = lines.find((line) => line.type === 'plan');
  return {
    ...{ killed, code, stderr, lines },
    folder: begun?.folder ?? '',
    continued: begun?.continued ?? false,
    firstStep: plan?.firstStep ?? null,
  };
}

/** Calls `kill` some time after an event was counted so often as the point says. */
function counter(point: KillPoint | null, kill: () => void) {
  let left = point !== null && 'count' in point ? point.count : 1;
  let timer: NodeJS.Timeout | undefined;
  return (event: KillPoint['at'] | 'ended'): void => {
    if (event === 'ended') clearTimeout(timer);
    if (point === null || event !== point.at) return;
    left -= 1;
    if (left !== 0) return;
    if (point.ms === 0) kill();
    else timer = setTimeout(kill, point.ms);
  };
}

export function onPartial(folder: string, act: () => void): FSWatcher {
  return watch(folder, (_, name) => {
    if (name?.endsWith('.partial') && existsSync(join(folder, name))) act();
  });
}

/**
 * Steps of the checkpoints that have their name, ascending, and the folders that have it not yet.
 */
export function checkpointsIn(folder: string): {
  readonly whole: readonly number[];
  readonly partial: readonly string[];
} {
  const root = join(folder, 'checkpoints');
  const names = existsSync(root) ? readdirSync(root) : [];
  const whole = names.flatMap((name) => {
    const step = /^step-(\d+)$/.exec(name)?.[1];
    return step === undefined ? [] : [Number(step)];
  });
  return {
    whole: whole.sort((a, b) => a - b),
    partial: names.filter((name) => name.endsWith('.partial')),
  };
}

/** The run has noted that it came to its end; false where it has no folder. */
export function isComplete(folder: string): boolean {
  const file = join(folder, runFiles.outcome);
  return folder !== '' && existsSync(file) && readJson(file).state === 'Complete';
}

export interface Result {
  /**
   * SHA-256 of every file of tensors: artefacts, and the last checkpoint with the optimizer's
   * state.
   */
  readonly digests: Readonly<Record<string, string>>;
  /** The trainer's record in the last checkpoint, without the time that it took. */
  readonly state: unknown;
  readonly evaluation: unknown;
}

export function resultOf(job: ToyJob, folder: string): Result {
  const last = checkpointsIn(folder).whole.at(-1) ?? -1;
  const checkpoint = join(folder, 'checkpoints', `step-${String(last).padStart(8, '0')}`);
  const { seconds: _, ...state } = readJson(join(checkpoint, 'manifest.json')).state;
  return {
    digests: { ...digestsBelow(job.destination), ...digestsBelow(checkpoint) },
    state,
    evaluation: readJson(join(job.destination, 'report.json')).evaluation,
  };
}

export function digestsBelow(folder: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const tensors = files.filter((file) => /\.(safetensors|gguf)$/.test(file)).sort();
  return Object.fromEntries(
    tensors.map((file) => {
      const bytes = readFileSync(join(folder, file));
      return [file, createHash('sha256').update(bytes).digest('hex')];
    }),
  );
}

// Files that this test made; their shape is checked by the code that reads them in the product.
function readJson(path: string) {
  return JSON.parse(readFileSync(path, 'utf8'));
}
