// Reads and writes the files of a run; what they hold is in crds/wire/run-folder.ts.
import { open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type * as z from 'zod';
import { Bug } from '../crds/errors.ts';

/** The record in `file`, or null where there is no such file yet. */
export async function readRecord<S extends z.ZodType>(
  folder: string,
  file: string,
  schema: S,
): Promise<z.output<S> | null> {
  const text = await readFile(join(folder, file), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  return text === null ? null : schema.parse(JSON.parse(text));
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

/** Writes the record so that readers see the old file or the whole new one. */
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
