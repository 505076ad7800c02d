// Checkpoints of one run on disk: folders `step-00000042`. A save is written under another name,
// synced and renamed, and renamed before it is removed: a kill at any moment leaves either the
// complete checkpoint or none.
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { TerminalError } from '../../crds/failures/errors.ts';
import { jsonLimits, RefusedBytes } from '../../crds/text/json.ts';
import { readBounded } from '../files/bounded-file.ts';
import { sha256OfFile } from '../files/file-digest.ts';
import { type CheckpointManifest, parseManifest } from './manifest.ts';

export const manifestName = 'manifest.json';
const partialSuffix = '.partial';
/** Of a checkpoint that is being removed. */
const goneSuffix = '.gone';

export interface StoredCheckpoint {
  readonly step: number;
  readonly folder: string;
}

/** Complete checkpoints, newest first. */
export async function listCheckpoints(root: string): Promise<readonly StoredCheckpoint[]> {
  const names = await readdir(root).catch(emptyWhenMissing);
  return names
    .flatMap((name) => {
      const step = /^step-(\d{8,})$/.exec(name)?.[1];
      return step === undefined ? [] : [{ step: Number(step), folder: join(root, name) }];
    })
    .sort((a, b) => b.step - a.step);
}

export function checkpointFolder(root: string, step: number): string {
  return join(root, `step-${String(step).padStart(8, '0')}`);
}

/** The folder into which the checkpoint of a step is written before the rename. */
export function partialFolder(root: string, step: number): string {
  return checkpointFolder(root, step) + partialSuffix;
}

/** Writes one checkpoint. */
export interface CheckpointWriter {
  /** `partialFolder` of the step. */
  readonly folder: string;
  /** Renames the folder after writing this manifest; returns its location. */
  commit(manifest: CheckpointManifest): Promise<StoredCheckpoint & { readonly bytes: number }>;
  /** Removes what was written; does nothing after `commit` or on a second call. */
  [Symbol.asyncDispose](): Promise<void>;
}

export async function beginCheckpoint(root: string, step: number): Promise<CheckpointWriter> {
  const folder = checkpointFolder(root, step);
  const partial = partialFolder(root, step);
  await mkdir(root, { recursive: true });
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial);
  return {
    folder: partial,
    async commit(manifest) {
      const own = await writeManifest(partial, manifest);
      await removeCheckpoint(folder);
      await rename(partial, folder);
      await syncFolder(root);
      const bytes = manifest.files.reduce((sum, file) => sum + file.bytes, own);
      return { step, folder, bytes };
    },
    async [Symbol.asyncDispose]() {
      await rm(partial, { recursive: true, force: true });
    },
  };
}

/** Writes the manifest of the files in a folder, and syncs both; returns its bytes. */
export async function writeManifest(folder: string, manifest: CheckpointManifest): Promise<number> {
  const text = `${JSON.stringify(manifest)}\n`;
  await writeSynced(join(folder, manifestName), text);
  await syncFolder(folder);
  return Buffer.byteLength(text);
}

/** Under another name first: a kill at any moment leaves the whole checkpoint or none. */
export async function removeCheckpoint(folder: string): Promise<void> {
  const gone = folder + goneSuffix;
  await rm(gone, { recursive: true, force: true });
  await rename(folder, gone).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  await rm(gone, { recursive: true, force: true });
}

/** Removes what a killed save or removal left behind. */
export async function removePartial(root: string): Promise<void> {
  for (const name of await readdir(root).catch(emptyWhenMissing)) {
    if (!name.endsWith(partialSuffix) && !name.endsWith(goneSuffix)) continue;
    await rm(join(root, name), { recursive: true, force: true });
  }
}

/** The manifest of a checkpoint; its files may be damaged. */
export async function readManifest(folder: string): Promise<CheckpointManifest> {
  const path = join(folder, manifestName);
  const bytes = await readBounded(path, jsonLimits.checkpointManifest.bytes).catch((cause) => {
    throw cause instanceof RefusedBytes ? corrupted(path, cause.message) : cause;
  });
  if (bytes === undefined) throw corrupted(path, 'is missing');
  return parseManifest(bytes, path);
}

/** The manifest of a checkpoint whose files all match it; throws `E_CHECKPOINT_CORRUPTED` else. */
export async function verifyCheckpoint(folder: string): Promise<CheckpointManifest> {
  const manifest = await readManifest(folder);
  for (const file of manifest.files) {
    const at = join(folder, file.name);
    const found = await stat(at).catch(() => null);
    if (found === null) throw corrupted(at, 'is missing');
    if (found.size !== file.bytes) {
      throw corrupted(at, `has ${found.size} bytes; its manifest says ${file.bytes}`);
    }
    if ((await sha256OfFile(at)) !== file.sha256) {
      throw corrupted(at, 'does not have the SHA-256 of its manifest');
    }
  }
  return manifest;
}

/** Renames a damaged checkpoint so that nothing reads it; it is never deleted. */
export async function quarantine({ folder }: StoredCheckpoint): Promise<string> {
  for (let attempt = 0; ; attempt += 1) {
    const aside = `${folder}.damaged${attempt === 0 ? '' : `-${attempt}`}`;
    if ((await stat(aside).catch(() => null)) !== null) continue;
    await rename(folder, aside);
    return aside;
  }
}

interface Retention {
  readonly latest: number;
  /** Steps that are kept whatever their age. */
  readonly keep: ReadonlySet<number>;
  readonly everySteps: number | null;
}

/** The checkpoints that may be deleted. Pure. */
export function expired(
  stored: readonly StoredCheckpoint[],
  { latest, keep, everySteps }: Retention,
): readonly StoredCheckpoint[] {
  return [...stored]
    .sort((a, b) => b.step - a.step)
    .slice(latest)
    .filter(({ step }) => !keep.has(step) && !(everySteps !== null && step % everySteps === 0));
}

function corrupted(path: string, what: string): TerminalError {
  return new TerminalError({ code: 'E_CHECKPOINT_CORRUPTED', message: `${path} ${what}` });
}

async function writeSynced(path: string, text: string): Promise<void> {
  await using file = await open(path, 'w');
  await file.writeFile(text);
  await file.sync();
}

/** Syncs a folder, since syncing files does not make their names durable. */
export async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, 'r');
  await folder.sync();
}

function emptyWhenMissing(error: NodeJS.ErrnoException): string[] {
  if (error.code === 'ENOENT') return [];
  throw error;
}
