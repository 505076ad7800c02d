// What a command of this machine begins, continues and ends beside runs of jobs, such as a
// federation: `<cache>/<kind>/<name>/<number>`. One that did not end goes on in its folder when the
// same file is started again; a changed one is new.
import { mkdir, readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type * as z from 'zod';
import { jsonLimits } from '../../crds/text/json.ts';
import { outcomeRecord, runFiles } from '../../crds/wire/run-folder.ts';
import { readJsonFile } from './json-file.ts';
import { lockJob, lockRun } from './run-lock.ts';

interface AnyRecord {
  readonly name: string;
  readonly cache: string;
  /** Of what decides the result. */
  readonly digest: string;
  readonly createdAt: string;
}

export interface Stored<R> {
  readonly folder: string;
  readonly number: number;
  readonly record: R;
}

/** Folder in the cache, and the file of the record. */
export interface StoredKind<R extends AnyRecord> {
  readonly kind: string;
  readonly file: string;
  readonly schema: z.ZodType<R>;
}

interface Chosen<R> extends Disposable {
  readonly stored: Stored<R>;
  readonly continued: boolean;
}

export async function chooseStored<R extends AnyRecord>(
  kind: StoredKind<R>,
  record: R,
  fresh: boolean,
): Promise<Chosen<R>> {
  const root = join(record.cache, kind.kind, record.name);
  using _choosing = lockJob(record.cache, record.name, kind.kind);
  const last = await newest(kind, root);
  if (!fresh && last?.record.digest === record.digest && !(await isComplete(last.folder))) {
    const lock = lockRun(last);
    const stored = { ...last, record: { ...record, createdAt: last.record.createdAt } };
    await writeJson(stored.folder, kind.file, stored.record);
    return { stored, continued: true, [Symbol.dispose]: () => lock[Symbol.dispose]() };
  }
  const number = (last?.number ?? 0) + 1;
  const stored = { folder: join(root, String(number)), number, record };
  await mkdir(stored.folder, { recursive: true });
  await writeJson(stored.folder, kind.file, record);
  const lock = lockRun(stored);
  return { stored, continued: false, [Symbol.dispose]: () => lock[Symbol.dispose]() };
}

async function newest<R extends AnyRecord>(
  { file, schema }: StoredKind<R>,
  root: string,
): Promise<Stored<R> | undefined> {
  const names = await readdir(root).catch(() => []);
  const numbers = names.filter((name) => /^\d+$/.test(name)).map(Number);
  const number = Math.max(0, ...numbers);
  const folder = join(root, String(number));
  const record = await readWhole(folder, file, schema);
  return record === null ? undefined : { folder, number, record };
}

async function isComplete(folder: string): Promise<boolean> {
  const outcome = await readWhole(folder, runFiles.outcome, outcomeRecord);
  return outcome?.state === 'Complete';
}

/** Null where there is none, or one that a kill cut off. */
export async function readWhole<S extends z.ZodType>(
  folder: string,
  name: string,
  schema: S,
): Promise<z.output<S> | null> {
  const read = await readJsonFile(join(folder, name), jsonLimits.runRecord).catch(() => undefined);
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
