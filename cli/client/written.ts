// What a run of this machine has written before, so that the same command need not make it again.
import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { trainDigest } from '../../crds/plan/train-digest.ts';
import type { StageRole } from '../../crds/stages/stage.ts';
import { preparedRecord, runFiles, runRecord, trainedRecord } from '../../crds/wire/run-folder.ts';
import type { Telemetry } from '../../crds/wire/telemetry.ts';
import type { LocalOutcome } from './local-run.ts';
import { readWhole } from './whole-json.ts';

/**
 * What to say of a process whose results are there and of what is asked for; undefined where it is
 * to run. Preparing always runs: files of this machine may have changed, and it keeps tokens by
 * their digest itself. So does publishing: a place that results went to may have been emptied.
 */
export async function writtenBefore(
  folder: string,
  role: StageRole,
  now: Date,
): Promise<Telemetry | undefined> {
  if (role !== 'train') return undefined;
  const run = await readWhole(folder, runFiles.run, runRecord);
  const prepared = await readWhole(folder, runFiles.prepared, preparedRecord);
  const trained = await readWhole(folder, runFiles.trained, trainedRecord);
  if (run === null || prepared === null || trained === null) return undefined;
  if (trained.request !== trainDigest(run.spec, prepared)) return undefined;
  const { checkpoint, result = checkpoint, report } = trained;
  // A trainer that is stopped leaves a record, too: of the state that it saved.
  if (!ended.has(report.end.reason)) return undefined;
  // Publishing looks at its digests.
  const isThere = await stat(join(result, 'manifest.json')).catch(() => undefined);
  if (isThere === undefined) return undefined;
  const note = `it ended before, after step ${report.training.steps}; its result is there`;
  return { type: 'stage', stage: 'Train', state: 'Done', note, time: now.getTime() / 1000 };
}

const ended: ReadonlySet<string> = new Set(['Finished', 'FinishedEarly']);

/**
 * Where what was trained turned out to be damaged, its record is removed, so that training goes on
 * from the newest checkpoint that is whole.
 */
export async function forgetDamaged(folder: string, outcome: LocalOutcome): Promise<boolean> {
  if (outcome.type !== 'Failed' || !damages.has(outcome.error.code)) return false;
  await rm(join(folder, runFiles.trained), { force: true });
  return true;
}

const damages: ReadonlySet<string> = new Set(['E_CHECKPOINT_CORRUPTED', 'E_PLAN_MISMATCH']);
