// Caches answers of a hub: the files of a commit, which never change, and the commit that a branch
// last had (used only in offline runs).
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { jsonLimits } from '../../crds/text/json.ts';
import { readJsonFile } from '../files/bounded-file.ts';
import { type HubEntry, hubEntry } from './hub.ts';

const commitRecord = z.object({ commit: z.string().regex(/^[0-9a-f]{40}$/) });

export async function recallEntries(
  store: string,
  commit: string,
): Promise<readonly HubEntry[] | undefined> {
  return recall(join(store, `${commit}.json`), z.array(hubEntry));
}

export async function rememberEntries(
  store: string,
  commit: string,
  entries: readonly HubEntry[],
): Promise<void> {
  await remember(join(store, `${commit}.json`), entries);
}

export async function recallCommit(store: string, revision: string): Promise<string | undefined> {
  return (await recall(revisionFile(store, revision), commitRecord))?.commit;
}

export async function rememberCommit(
  store: string,
  revision: string,
  commit: string,
): Promise<void> {
  await remember(revisionFile(store, revision), { commit });
}

function revisionFile(store: string, revision: string): string {
  return join(store, 'revisions', `${encodeURIComponent(revision)}.json`);
}

async function recall<S extends z.ZodType>(
  path: string,
  schema: S,
): Promise<z.output<S> | undefined> {
  try {
    return schema.parse(await readJsonFile(path, jsonLimits.runRecord));
  } catch {
    // Missing, incomplete or of another version: ask the hub.
    return undefined;
  }
}

async function remember(path: string, value: unknown): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const fresh = `${path}.${process.pid}`;
  await writeFile(fresh, JSON.stringify(value));
  await rename(fresh, path);
}
