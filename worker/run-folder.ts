// Reads and writes the records of a run folder; their schemas are in crds/wire/run-folder.ts.
import { open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type * as z from 'zod';
import { Bug, TerminalError } from '../crds/failures/errors.ts';
import { jsonLimits, RefusedBytes } from '../crds/text/json.ts';
import { readJsonFile } from './files/bounded-file.ts';

/** The record in `file`, or null where there is no such file yet. */
export async function readRecord<S extends z.ZodType>(
  folder: string,
  file: string,
  schema: S,
): Promise<z.output<S> | null> {
  const path = join(folder, file);
  const record = await readJsonFile(path, jsonLimits.runRecord).catch((cause: unknown) => {
    throw cause instanceof RefusedBytes ? unreadable(path, cause) : cause;
  });
  return record === undefined ? null : schema.parse(record);
}

function unreadable(path: string, cause: RefusedBytes): TerminalError {
  return new TerminalError({
    code: 'E_PLAN_MISMATCH',
    message: `${path} ${cause.message}; a stage of the run wrote it, and it was changed since`,
    hint: 'start a new run of the job',
    cause,
  });
}

export async function requireRecord<S extends z.ZodType>(
  folder: string,
  file: string,
  schema: S,
): Promise<z.output<S>> {
  const record = await readRecord(folder, file, schema);
  if (record === null)
    throw new Bug(`${join(folder, file)} is missing; an earlier stage writes it`);
  return record;
}

/** Writes the record atomically: readers see the old file or the complete new one. */
export async function writeRecord<S extends z.ZodType>(
  folder: string,
  file: string,
  schema: S,
  record: z.input<S>,
): Promise<void> {
  const path = join(folder, file);
  const partial = `${path}.partial`;
  {
    await using handle = await open(partial, 'w');
    await handle.writeFile(`${JSON.stringify(schema.parse(record), null, 2)}\n`);
    await handle.sync();
  }
  await rename(partial, path);
}
