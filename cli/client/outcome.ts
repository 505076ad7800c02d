// How a run or other work of this machine ended, in its folder.
import { type OutcomeRecord, outcomeRecord, runFiles } from '../../crds/wire/run-folder.ts';
import type { LocalOutcome } from './local-run.ts';
import { readWhole, writeJson } from './whole-json.ts';

/**
 * Null for a run that has not ended or was killed. Written before the lock of the run is released.
 */
export function outcomeOf(folder: string): Promise<OutcomeRecord | null> {
  return readWhole(folder, runFiles.outcome, outcomeRecord);
}

export async function writeOutcome(folder: string, outcome: LocalOutcome, at: Date): Promise<void> {
  const error = outcome.type === 'Failed' ? outcome.error : undefined;
  await writeJson(folder, runFiles.outcome, {
    ...{ version: 1, state: outcome.type },
    ...(error && { code: error.code, message: error.message, hint: error.hint }),
    endedAt: at.toISOString(),
  } satisfies OutcomeRecord);
}
