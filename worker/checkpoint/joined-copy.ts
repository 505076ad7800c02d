// Joins the copies of all ranks into one, for a world of another size: there each rank needs ranges
// of several shards, as it would of a checkpoint's files. Local files are hard-linked and take no
// more memory.
import { link, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { copyFiles } from '../../crds/wire/copies.ts';
import { allCopies, type StoredCopy } from './copy-folder.ts';
import { manifestName, readManifest } from './folder.ts';
import type { CheckpointManifest } from './manifest.ts';

/**
 * Creates an empty folder for the joined copy, and removes unneeded copies of each of `trainers` to
 * make room.
 */
export async function beginJoined(
  folder: string,
  trainers: readonly string[],
  isPart: (copy: StoredCopy) => boolean,
): Promise<string> {
  for (const copy of (await Promise.all(trainers.map(allCopies))).flat()) {
    if (!isPart(copy)) await rm(copy.folder, { recursive: true, force: true });
  }
  await removeJoined(folder);
  const joined = join(folder, copyFiles.joined);
  await mkdir(joined, { recursive: true });
  return joined;
}

/** Joins the copies in these folders, which may be inside the target. */
export async function joinParts(target: string, parts: readonly string[]): Promise<void> {
  const manifests: CheckpointManifest[] = [];
  for (const part of parts) {
    const manifest = await readManifest(part);
    for (const { name } of manifest.files) await link(join(part, name), join(target, name));
    manifests.push(manifest);
  }
  const [first] = manifests;
  const joined = {
    ...first,
    files: manifests.flatMap(({ files }) => files),
    tensors: manifests.flatMap(({ tensors }) => tensors),
  };
  await writeFile(join(target, manifestName), JSON.stringify(joined));
}

export async function removeJoined(folder: string): Promise<void> {
  await rm(join(folder, copyFiles.joined), { recursive: true, force: true });
}
