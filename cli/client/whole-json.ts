// JSON files that a kill may cut off.
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type * as z from 'zod';
import { jsonLimits } from '../../crds/text/json.ts';
import { readJsonFile } from './json-file.ts';

/** Null where there is none, or one that a kill cut off. */
export async function readWhole<S extends z.ZodType>(
  folder: string,
  name: string,
  schema: S,
  limit: 'runRecord' | 'prunedModel' = 'runRecord',
): Promise<z.output<S> | null> {
  const read = await readJsonFile(join(folder, name), jsonLimits[limit]).catch(() => undefined);
  const parsed = schema.safeParse(read);
  return parsed.success ? parsed.data : null;
}

/** Readers see the old file or the whole new one. */
export async function writeJson(folder: string, name: string, value: object): Promise<void> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, name);
  await writeFile(`${path}.new`, `${JSON.stringify(value, null, 2)}\n`);
  await rename(`${path}.new`, path);
}
