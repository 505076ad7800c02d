// A checkpoint on disk, as the report of a run lists it.
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { listCheckpoints, manifestName, readManifest, type StoredCheckpoint } from './folder.ts';

export interface StoredSave {
  readonly step: number;
  readonly path: string;
  readonly bytes: number;
  /** How long the save stopped training, where known. */
  readonly ms?: number;
}

/** The checkpoints on disk, oldest first. */
export async function storedSaves(root: string): Promise<readonly StoredSave[]> {
  const found = await listCheckpoints(root);
  return Promise.all(found.toReversed().map(storedSave));
}

async function storedSave({ step, folder }: StoredCheckpoint): Promise<StoredSave> {
  const { files, ms } = await readManifest(folder);
  const { size } = await stat(join(folder, manifestName));
  const bytes = files.reduce((sum, file) => sum + file.bytes, size);
  return { step, path: folder, bytes, ...(ms === undefined ? {} : { ms }) };
}
