// What a command of this machine begins, continues and ends beside runs of jobs, such as a
// federation: `<cache>/<kind>/<name>/<number>`. One that did not end goes on in its folder when the
// same file is started again; a changed one is new.
import { join } from 'node:path';
import type * as z from 'zod';
import { numbersIn } from './numbered-folders.ts';
import { outcomeOf } from './outcome.ts';
import { lockJob, lockRun } from './run-lock.ts';
import { readWhole, writeJson } from './whole-json.ts';

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
  if (!fresh && last !== undefined && (await goesOn(last, record))) {
    const lock = lockRun(last);
    const stored = { ...last, record: { ...record, createdAt: last.record.createdAt } };
    await writeJson(stored.folder, kind.file, stored.record);
    return { stored, continued: true, [Symbol.dispose]: () => lock[Symbol.dispose]() };
  }
  const number = (last?.number ?? 0) + 1;
  const stored = { folder: join(root, String(number)), number, record };
  await writeJson(stored.folder, kind.file, record);
  const lock = lockRun(stored);
  return { stored, continued: false, [Symbol.dispose]: () => lock[Symbol.dispose]() };
}

async function newest<R extends AnyRecord>(
  { file, schema }: StoredKind<R>,
  root: string,
): Promise<Stored<R> | undefined> {
  const number = (await numbersIn(root)).at(-1) ?? 0;
  const folder = join(root, String(number));
  const record = await readWhole(folder, file, schema);
  return record === null ? undefined : { folder, number, record };
}

async function goesOn(
  { folder, record }: Stored<AnyRecord>,
  { digest }: AnyRecord,
): Promise<boolean> {
  return record.digest === digest && (await outcomeOf(folder))?.state !== 'Complete';
}
