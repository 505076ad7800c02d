// The folder of copies in memory: copies by name, and which of them are kept. There are at most two
// of each kind, one that is complete on all ranks and one being written, so their size is known in
// advance.
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type CopyName,
  copyFiles,
  copyNameText,
  newestFirst,
  parseCopyName,
} from '../../crds/wire/copies.ts';
import { isErrno } from '../files/errno.ts';

type CopyKind = 'own' | 'kept';

export interface StoredCopy {
  readonly name: CopyName;
  readonly folder: string;
}

/** Complete copies of a kind, newest first. */
export async function listCopies(folder: string, kind: CopyKind): Promise<readonly StoredCopy[]> {
  const root = join(folder, copyFiles[kind]);
  const names = await readdir(root).catch((error: unknown) => {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  });
  return names
    .flatMap((text) => {
      const name = parseCopyName(text);
      return name === undefined ? [] : [{ name, folder: join(root, text) }];
    })
    .sort((a, b) => newestFirst(a.name, b.name));
}

/** Complete copies of both kinds. */
export async function allCopies(folder: string): Promise<readonly StoredCopy[]> {
  return (await Promise.all([listCopies(folder, 'own'), listCopies(folder, 'kept')])).flat();
}

/** The folder of a complete copy of either kind; undefined where there is none of this name. */
export async function findCopy(
  folders: readonly string[],
  text: string,
): Promise<string | undefined> {
  const all = (await Promise.all(folders.map(allCopies))).flat();
  return all.find(({ name }) => copyNameText(name) === text)?.folder;
}

/**
 * Makes room for another copy of this kind: removes all but the newest complete one. Returns the
 * path to write to.
 */
export async function beginCopy(folder: string, kind: CopyKind, text: string): Promise<string> {
  const root = join(folder, copyFiles[kind]);
  await mkdir(root, { recursive: true });
  const [newest] = await listCopies(folder, kind);
  for (const name of await readdir(root)) {
    if (join(root, name) === newest?.folder) continue;
    await rm(join(root, name), { recursive: true, force: true });
  }
  const partial = join(root, `${text}.partial`);
  await mkdir(partial, { recursive: true });
  return partial;
}

/** Gives the finished copy its final name. */
export async function endCopy(partial: string): Promise<string> {
  const folder = partial.replace(/\.partial$/, '');
  await rm(folder, { recursive: true, force: true });
  await rename(partial, folder);
  return folder;
}

/** Name of the newest own copy that another pod keeps too; empty before the first. */
export async function deliveredCopy(folder: string): Promise<string> {
  return readFile(join(folder, copyFiles.delivered), 'utf8').catch((error: unknown) => {
    if (isErrno(error, 'ENOENT')) return '';
    throw error;
  });
}

export async function setDelivered(folder: string, name: string): Promise<void> {
  const path = join(folder, copyFiles.delivered);
  await writeFile(`${path}.partial`, name);
  await rename(`${path}.partial`, path);
}
