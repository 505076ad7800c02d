// Federations of this machine: `<cache>/federations/<name>/<number>`. One that did not end goes on
// in its folder when the same file is started again; a changed one is new.
import { mkdir, readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type * as z from 'zod';
import { jsonLimits } from '../../crds/text/json.ts';
import {
  type FederationRecord,
  federationFiles,
  federationRecord,
} from '../../crds/wire/federation.ts';
import { outcomeRecord } from '../../crds/wire/run-folder.ts';
import { readJsonFile } from '../client/json-file.ts';
import { lockJob, lockRun } from '../client/run-lock.ts';

const kind = 'federations';

export interface StoredFederation {
  readonly folder: string;
  readonly number: number;
  readonly record: FederationRecord;
}

interface Chosen extends Disposable {
  readonly stored: StoredFederation;
  readonly continued: boolean;
}

export async function chooseFederation(record: FederationRecord, fresh: boolean): Promise<Chosen> {
  const root = join(record.cache, kind, record.name);
  using _choosing = lockJob(record.cache, record.name, kind);
  const last = await newest(root);
  if (!fresh && last?.record.digest === record.digest && !(await isComplete(last.folder))) {
    const lock = lockRun(last);
    const stored = { ...last, record: { ...record, createdAt: last.record.createdAt } };
    await writeJson(stored.folder, federationFiles.federation, stored.record);
    return { stored, continued: true, [Symbol.dispose]: () => lock[Symbol.dispose]() };
  }
  const number = (last?.number ?? 0) + 1;
  const stored = { folder: join(root, String(number)), number, record };
  await mkdir(stored.folder, { recursive: true });
  await writeJson(stored.folder, federationFiles.federation, record);
  const lock = lockRun(stored);
  return { stored, continued: false, [Symbol.dispose]: () => lock[Symbol.dispose]() };
}

async function newest(root: string): Promise<StoredFederation | undefined> {
  const names = await readdir(root).catch(() => []);
  const numbers = names.filter((name) => /^\d+$/.test(name)).map(Number);
  const number = Math.max(0, ...numbers);
  const folder = join(root, String(number));
  const record = await readFederated(folder, federationFiles.federation, federationRecord);
  return record === null ? undefined : { folder, number, record };
}

async function isComplete(folder: string): Promise<boolean> {
  const outcome = await readFederated(folder, federationFiles.outcome, outcomeRecord);
  return outcome?.state === 'Complete';
}

/** Null where there is none, or one that a kill cut off. */
export async function readFederated<S extends z.ZodType>(
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
