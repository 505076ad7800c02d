// The files of one artefact on this disk, hashed once: for the report, for upload checksums, and to
// detect files that a destination already has.
import { readdir, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { digestOf } from '../../crds/plan/digest.ts';
import { verify } from '../remote/verify.ts';

export interface ResultFile {
  /** Relative to the artefact, later to a prefix or repository folder; with forward slashes. */
  readonly path: string;
  readonly absolute: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** Sorted by path. */
export async function resultFiles(
  folder: string,
  signal: AbortSignal,
): Promise<readonly ResultFile[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  const files: ResultFile[] = [];
  for (const absolute of paths.sort()) {
    const path = relative(folder, absolute).split(sep).join('/');
    files.push(await resultFile(path, absolute, signal));
  }
  return files;
}

export async function resultFile(
  path: string,
  absolute: string,
  signal: AbortSignal,
): Promise<ResultFile> {
  const { size: bytes } = await stat(absolute);
  const { sha256 } = await verify(absolute, bytes, undefined, signal);
  return { path, absolute, bytes, sha256 };
}

/** Digest of names and contents, independent of the artefact's location. */
export function digestOfResult(files: readonly ResultFile[]): `sha256:${string}` {
  return `sha256:${digestOf(Object.fromEntries(files.map(({ path, sha256 }) => [path, sha256])))}`;
}

/** Prefixes paths by a folder; '' changes nothing. */
export function below(folder: string, files: readonly ResultFile[]): readonly ResultFile[] {
  if (folder === '') return files;
  return files.map((file) => ({ ...file, path: `${folder}/${file.path}` }));
}
