// A job whose model and data another job put in place, on the same claim: the record of that run
// becomes the record of this one, after a look at what it speaks of. Where that is gone or damaged
// the pod says so, and the operator has it prepared anew.
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { TransientError } from '../../crds/failures/errors.ts';
import { prepareDigest } from '../../crds/plan/prepare-digest.ts';
import { type PreparedRecord, preparedRecord, runFiles } from '../../crds/wire/run-folder.ts';
import { readRecord, requireRecord, writeRecord } from '../run-folder.ts';
import { wordsOf } from './achieved.ts';
import type { PodConfig } from './config.ts';
import type { PodPlan } from './pod-plan.ts';
import type { Report } from './report.ts';

export async function adoptPreparation(
  { preparedBy, runFolder }: Pick<PodConfig, 'preparedBy' | 'runFolder'>,
  { spec }: PodPlan,
  report: Pick<Report, 'line'>,
): Promise<void> {
  if (preparedBy === undefined) return;
  const request = prepareDigest(spec);
  const own = await readRecord(runFolder, runFiles.prepared, preparedRecord);
  if (own?.request === request) return;
  const theirs = join(dirname(runFolder), preparedBy);
  const record = await lookedAt(theirs, spec, request);
  await mkdir(runFolder, { recursive: true });
  await writeRecord(runFolder, runFiles.prepared, preparedRecord, record);
  report.line('info', 'supervisor', `model and data are those that ${preparedBy} put in place`);
}

async function lookedAt(
  folder: string,
  spec: PodPlan['spec'],
  request: string,
): Promise<PreparedRecord> {
  try {
    const record = await requireRecord(folder, runFiles.prepared, preparedRecord);
    if (record.request !== request) throw new Error(`${folder} was asked for something else`);
    // Opens the headers of the model and the token store, whose sizes must be those of their
    // manifest.
    await wordsOf(spec, record);
    return record;
  } catch (thrown) {
    throw ofNoUse(folder, thrown);
  }
}

function ofNoUse(folder: string, cause: unknown): TransientError {
  const why = cause instanceof Error ? cause.message : String(cause);
  const message = `what ${folder} has put in place is of no use: ${why}`;
  return new TransientError({ code: 'E_NOT_PREPARED', message, cause });
}
