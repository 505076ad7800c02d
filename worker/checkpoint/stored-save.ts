// A checkpoint on disk, as the report of a run lists it.
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { toAnnealError } from '../../crds/failures/errors.ts';
import { listCheckpoints, manifestName, readManifest, type StoredCheckpoint } from './folder.ts';

export interface StoredSave {
  readonly step: number;
  readonly path: string;
  readonly bytes: number;
  /** How long the save stopped training, where known. */
  readonly ms?: number;
}

/**
 * The checkpoints on disk, oldest first. One that is damaged is left out: a run that needs another
 * one does not fail for it.
 */
export async function storedSaves(root: string): Promise<readonly StoredSave[]> {
  const found = await listCheckpoints(root);
  const saves = found.toReversed().map((one) => storedSave(one).catch(nullWhenDamaged));
  return (await Promise.all(saves)).filter((save) => save !== null);
}

function nullWhenDamaged(error: unknown): null {
  if (toAnnealError(error).code === 'E_CHECKPOINT_CORRUPTED') return null;
  throw error;
}

async function storedSave({ step, folder }: StoredCheckpoint): Promise<StoredSave> {
  const { files, ms } = await readManifest(folder);
  const { size } = await stat(join(folder, manifestName));
  const bytes = files.reduce((sum, file) => sum + file.bytes, size);
  return { step, path: folder, bytes, ...(ms === undefined ? {} : { ms }) };
}
