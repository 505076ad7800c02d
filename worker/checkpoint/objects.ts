// Tensors of a federation: files named by their SHA-256 (crds/wire/federation.ts). Writing the same
// tensors again gives the same file, so a process that is started again leaves nothing twice.
import { mkdir, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { TerminalError } from '../../crds/failures/errors.ts';
import { federationFiles, type StoredObject } from '../../crds/wire/federation.ts';
import { sha256OfFile } from '../files/file-digest.ts';
import { openSafetensors, type SafetensorsFile, writeSafetensors } from '../files/safetensors.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { syncFolder } from './folder.ts';

export function objectPath(root: string, digest: string): string {
  return join(root, federationFiles.objects, `${digest}.safetensors`);
}

export async function putObject(
  root: string,
  tensors: ReadonlyMap<string, Tensor>,
): Promise<StoredObject> {
  const folder = join(root, federationFiles.objects);
  await mkdir(folder, { recursive: true });
  // Processes of several clients may write at once.
  const own = join(folder, `of-${process.pid}.safetensors`);
  const { sha256, bytes } = await writeSafetensors(own, tensors);
  await rename(own, objectPath(root, sha256));
  await syncFolder(folder);
  return { digest: sha256, bytes };
}

/** SHA-256 of the bytes that are there; null where there are none. */
export async function digestFound(root: string, digest: string): Promise<string | null> {
  const path = objectPath(root, digest);
  const found = await stat(path).catch(() => null);
  return found === null ? null : await sha256OfFile(path);
}

/** A mapped file, whose bytes are those that its name says. */
export async function openObject(root: string, { digest }: StoredObject): Promise<SafetensorsFile> {
  const found = await digestFound(root, digest);
  if (found === digest) return openSafetensors(objectPath(root, digest));
  throw new TerminalError({
    code: 'E_CHECKPOINT_CORRUPTED',
    message: `${objectPath(root, digest)} ${found === null ? 'is missing' : `has the SHA-256 ${found}`}; a federation goes on only with what its records name`,
    hint: 'put the file back, or start the federation again with --fresh',
  });
}
