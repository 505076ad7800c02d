// Runs of this machine: `<cache>/runs/<job>/<number>`. An unfinished run resumes in its folder when
// the same job starts again; a changed job is a new run.
import { join } from 'node:path';
import { type PrunedModel, prunedModel, pruningFile } from '../../crds/wire/pruned-model.ts';
import {
  type OutcomeRecord,
  type PreparedRecord,
  preparedRecord,
  type RunRecord,
  runFiles,
  runRecord,
} from '../../crds/wire/run-folder.ts';
import { type RunReport, runReport } from '../../crds/wire/run-report.ts';
import { numbersIn } from './numbered-folders.ts';
import { outcomeOf } from './outcome.ts';
import { readWhole, writeJson } from './whole-json.ts';

export interface StoredRun {
  readonly folder: string;
  readonly number: number;
  readonly record: RunRecord;
  /** Null while it runs, or when it was killed. */
  readonly outcome: OutcomeRecord | null;
}

/**
 * Without its outcome, which is a separate file. To tell an ended run from a killed one, read the
 * lock before the outcome.
 */
export type BegunRun = Omit<StoredRun, 'outcome'>;

/** Runs of a job, oldest first. */
export async function runsOf(cache: string, job: string): Promise<readonly StoredRun[]> {
  const runs: StoredRun[] = [];
  for (const run of await begunRuns(cache, job)) {
    runs.push({ ...run, outcome: await outcomeOf(run.folder) });
  }
  return runs;
}

/** Oldest first. */
export async function begunRuns(cache: string, job: string): Promise<readonly BegunRun[]> {
  const root = join(cache, 'runs', job);
  const runs: BegunRun[] = [];
  for (const number of await numbersIn(root)) {
    const folder = join(root, String(number));
    const record = await readWhole(folder, runFiles.run, runRecord);
    if (record !== null) runs.push({ folder, number, record });
  }
  return runs;
}

/** The run that `record` resumes: the newest one, unless it has ended or belongs to another job. */
export function resumable(runs: readonly StoredRun[], digest: string): StoredRun | null {
  const last = runs.at(-1);
  if (last === undefined || last.record.digest !== digest) return null;
  return last.outcome?.state === 'Complete' ? null : last;
}

/**
 * Resumes a run with the current job: destinations, save interval and devices may have changed. The
 * date stays, since chat templates may print it.
 */
export async function continueRun(run: StoredRun, record: RunRecord): Promise<StoredRun> {
  const continued = { ...record, createdAt: run.record.createdAt };
  await writeJson(run.folder, runFiles.run, continued);
  return { ...run, record: continued };
}

export async function createRun(
  cache: string,
  runs: readonly StoredRun[],
  record: RunRecord,
): Promise<StoredRun> {
  const number = (runs.at(-1)?.number ?? 0) + 1;
  const folder = join(cache, 'runs', record.name, String(number));
  await writeJson(folder, runFiles.run, record);
  return { folder, number, record, outcome: null };
}

/** The report of the run; null when it has none, or a truncated one. */
export function reportOf(folder: string): Promise<RunReport | null> {
  return readWhole(folder, runFiles.report, runReport);
}

/** Reports of all runs of a job that have one, oldest first. */
export async function reportsOf(cache: string, job: string): Promise<readonly RunReport[]> {
  const found: RunReport[] = [];
  for (const { folder } of await runsOf(cache, job)) {
    const report = await reportOf(folder);
    if (report !== null) found.push(report);
  }
  return found;
}

/** The model that a run found, and what an adapter of it loads on. */
export interface FoundModel {
  /** Folder or file. */
  readonly path: string;
  /** Of a base that was cut out of another model: the name of that one. */
  readonly whole?: string;
}

/** Null where none was found. */
export async function foundModel(folder: string): Promise<FoundModel | null> {
  const found = await preparedOf(folder);
  if (found === null) return null;
  const { prepared, whole } = found;
  return { path: prepared.model.path, ...(whole && { whole: whole.name }) };
}

export interface FoundPrepared {
  readonly prepared: PreparedRecord;
  /** The model that its base was cut out of, if it was. */
  readonly whole: PrunedModel['base'] | null;
}

/** Null where nothing was prepared. */
export async function preparedOf(folder: string): Promise<FoundPrepared | null> {
  const prepared = await readWhole(folder, runFiles.prepared, preparedRecord);
  if (prepared === null) return null;
  const { path, pruning } = prepared.model;
  if (pruning === undefined) return { prepared, whole: null };
  const cut = await readWhole(path, pruningFile, prunedModel, 'prunedModel');
  return { prepared, whole: cut?.base ?? null };
}
