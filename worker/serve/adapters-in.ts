// Which folders have an adapter, and whether its files changed since the last look.
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno } from '../files/errno.ts';
import { configFile, tensorFile } from '../publish/peft-files.ts';

export interface Found {
  readonly folder: string;
  /** What the list says of where it is. @default the folder */
  readonly place?: string;
  /** Why it could not be fetched. */
  readonly problem?: string;
  /** It is being fetched. */
  readonly isOnItsWay?: true;
  readonly state: string;
  /** Whether both files are there. */
  readonly isWhole: boolean;
}

/** By name, of folders that have both files. */
export async function adaptersIn(folder: string): Promise<ReadonlyMap<string, Found>> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error) => {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  });
  const found = new Map<string, Found>();
  for (const { name } of entries) {
    const one = await foundIn(join(folder, name));
    if (one.isWhole) found.set(name, one);
  }
  return found;
}

export async function foundIn(folder: string): Promise<Found> {
  const files = await Promise.all(
    [configFile, tensorFile].map((file) => stat(join(folder, file)).catch(() => null)),
  );
  const facts = files.map((one) => (one === null ? '-' : `${one.size} ${one.mtimeMs}`));
  return {
    folder,
    state: [folder, ...facts].join(' '),
    isWhole: files.every((one) => one !== null),
  };
}
