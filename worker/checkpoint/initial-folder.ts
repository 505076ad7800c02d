// Folders of what is computed once for a run, before its first step:
//
//   initial/<key>/   files of tensors, and a manifest as that of a checkpoint
//
// The key is that of what they were computed from. Rounds of workers share the folder, and none
// replaces what another finished first.
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { World } from '../engine/world.ts';
import { isErrno } from '../files/errno.ts';
import { syncFolder, verifyCheckpoint, writeManifest } from './folder.ts';
import { type CheckpointManifest, manifestVersion } from './manifest.ts';
import { takeParts } from './shard-file.ts';

/** Where it is or will be. */
export interface InitialPlace {
  /** `initial` in the folder of the run. */
  readonly root: string;
  readonly key: string;
}

export const folderOf = ({ root, key }: InitialPlace): string => join(root, key);

/** Null where it was not made yet; throws `E_CHECKPOINT_CORRUPTED` for a damaged one. */
export async function verifyInitial(place: InitialPlace): Promise<CheckpointManifest | null> {
  const folder = folderOf(place);
  const names = await readdir(folder).catch((error) => {
    if (!isErrno(error, 'ENOENT')) throw error;
    return null;
  });
  return names === null ? null : await verifyCheckpoint(folder);
}

export interface InitialWriting extends InitialPlace {
  /** Of this round, which all ranks share. */
  readonly partial: string;
  readonly base: string;
  readonly world: World;
}

/** An empty folder for the files of all ranks. Collective. */
export async function beginInitial({ partial, world }: InitialWriting): Promise<void> {
  if (world.rank === 0) {
    await rm(partial, { recursive: true, force: true });
    await mkdir(partial, { recursive: true });
  }
  world.agree(false);
}

/** When each rank has written its part of `files`. Collective. */
export async function endInitial(writing: InitialWriting, files: number): Promise<void> {
  const { world, partial, key, base } = writing;
  world.agree(false);
  if (world.rank === 0) {
    const parts = await takeParts(partial, files);
    await writeManifest(partial, {
      ...{ version: manifestVersion, step: 0, job: key, base, state: {} },
      files: parts.map(({ file }) => file),
      tensors: parts.flatMap((part) => part.tensors),
    });
    await takeName(partial, folderOf(writing));
  }
  world.agree(false);
}

/** That of another round, which was quicker, stays. */
async function takeName(partial: string, folder: string): Promise<void> {
  const root = dirname(folder);
  await mkdir(root, { recursive: true });
  await rename(partial, folder).catch((error) => {
    if (!isErrno(error, 'ENOTEMPTY', 'EEXIST')) throw error;
  });
  await rm(partial, { recursive: true, force: true });
  await syncFolder(root);
}
