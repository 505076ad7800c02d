// Runs of this machine: `<cache>/runs/<job>/<number>`. An unfinished run resumes in its folder when
// the same job starts again; a changed job is a new run.
import { mkdir, readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { jsonLimits } from '../../crds/text/json.ts';
import { prunedModel, pruningFile } from '../../crds/wire/pruned-model.ts';
import {
  type OutcomeRecord,
  outcomeRecord,
  preparedRecord,
  type RunRecord,
  runFiles,
  runRecord,
} from '../../crds/wire/run-folder.ts';
import { type RunReport, runReport } from '../../crds/wire/run-report.ts';
import { readJsonFile } from './json-file.ts';

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
  const names = await readdir(root).catch(() => []);
  const numbers = names.filter((name) => /^\d+$/.test(name)).map(Number);
  const runs: BegunRun[] = [];
  for (const number of numbers.sort((a, b) => a - b)) {
    const folder = join(root, String(number));
    const record = runRecord.safeParse(await readJson(join(folder, runFiles.run)));
    if (record.success) runs.push({ folder, number, record: record.data });
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
  const file = join(run.folder, runFiles.run);
  await writeFile(`${file}.new`, `${JSON.stringify(continued, null, 2)}\n`);
  await rename(`${file}.new`, file);
  return { ...run, record: continued };
}

export async function createRun(
  cache: string,
  runs: readonly StoredRun[],
  record: RunRecord,
): Promise<StoredRun> {
  const number = (runs.at(-1)?.number ?? 0) + 1;
  const folder = join(cache, 'runs', record.name, String(number));
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, runFiles.run), `${JSON.stringify(record, null, 2)}\n`);
  return { folder, number, record, outcome: null };
}

/**
 * Null for a run that has not ended or was killed. Written before the lock of the run is released.
 */
export async function outcomeOf(folder: string): Promise<OutcomeRecord | null> {
  const outcome = outcomeRecord.safeParse(await readJson(join(folder, runFiles.outcome)));
  return outcome.success ? outcome.data : null;
}

export async function writeOutcome(folder: string, outcome: OutcomeRecord): Promise<void> {
  await writeFile(join(folder, runFiles.outcome), `${JSON.stringify(outcome, null, 2)}\n`);
}

/** The report of the run; null when it has none, or a truncated one. */
export async function reportOf(folder: string): Promise<RunReport | null> {
  const report = runReport.safeParse(await readJson(join(folder, runFiles.report)));
  return report.success ? report.data : null;
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
  const prepared = preparedRecord.safeParse(await readJson(join(folder, runFiles.prepared)));
  if (!prepared.success) return null;
  const { path, pruning } = prepared.data.model;
  if (pruning === undefined) return { path };
  const cut = prunedModel.safeParse(await readJson(join(path, pruningFile), 'prunedModel'));
  return { path, ...(cut.success && { whole: cut.data.base.name }) };
}

async function readJson(
  path: string,
  limit: 'runRecord' | 'prunedModel' = 'runRecord',
): Promise<unknown> {
  try {
    return await readJsonFile(path, jsonLimits[limit]);
  } catch {
    // Missing, or truncated by a kill: not a run that can be shown or resumed.
    return undefined;
  }
}
