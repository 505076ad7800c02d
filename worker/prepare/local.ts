// Lists a folder or file on this machine: a local path, or a mounted claim (without a cluster: a
// folder in the cache). Files are used in place, not copied.
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, sep } from 'node:path';
import { UserError } from '../../crds/failures/errors.ts';
import { isErrno } from '../files/errno.ts';
import type { SourceFile, SourceListing } from '../remote/source-files.ts';

interface LocalListing extends SourceListing {
  /** The folder to which paths are relative. */
  readonly root: string;
}

const maxFiles = 100_000;

/** `hint`: what to do if the path does not exist. */
export async function listLocal(
  path: string,
  field?: string,
  hint?: string,
): Promise<LocalListing> {
  const found = await statOf(path, field, hint);
  const origin = path;
  if (found.isFile()) {
    const root = dirname(path);
    return { origin, version: 'local', root, files: [await localFile(root, basename(path))] };
  }
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const files: SourceFile[] = [];
  for (const entry of entries) {
    // Hidden folders (.git, .cache) contain no model or data.
    const inside = relative(path, join(entry.parentPath, entry.name));
    if (entry.isDirectory() || inside.split(sep).some((part) => part.startsWith('.'))) continue;
    if (files.length === maxFiles) throw tooMany(path, field);
    const file = await localFile(path, inside).catch(() => undefined);
    if (file) files.push(file);
  }
  files.sort((a, b) => (a.path < b.path ? -1 : 1));
  return { origin, version: 'local', root: path, files };
}

/** Throws for anything but files and links to them, such as sockets and dangling links. */
export async function localFile(root: string, path: string): Promise<SourceFile> {
  const absolute = join(root, path);
  const found = await stat(absolute);
  if (!found.isFile()) throw new Error(`${absolute} is not a file`);
  return {
    path: path.split(sep).join('/'),
    bytes: found.size,
    version: `${found.ino}-${found.mtimeMs}`,
    digest: async () => undefined,
    read: async (begin, end, signal) => readRange(absolute, begin, end, signal),
  };
}

async function* readRange(
  path: string,
  begin: number,
  end: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  if (begin >= end) return;
  const stream = createReadStream(path, { start: begin, end: end - 1, signal });
  for await (const chunk of stream) yield chunk as Uint8Array; // no encoding is set: always bytes
}

async function statOf(path: string, field: string | undefined, hint: string | undefined) {
  try {
    return await stat(path);
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES', 'ELOOP', 'ENAMETOOLONG')) throw error;
    throw notReadable(error, path, field, hint);
  }
}

function notReadable(
  error: unknown,
  path: string,
  field: string | undefined,
  hint: string | undefined,
): UserError {
  const forbidden = isErrno(error, 'EACCES');
  return new UserError({
    code: 'E_SOURCE_NOT_FOUND',
    path: field,
    value: path,
    message: `${path} ${forbidden ? 'may not be read by this user' : 'does not exist'}`,
    hint: forbidden ? undefined : hint,
    cause: error,
  });
}

function tooMany(path: string, field: string | undefined): UserError {
  return new UserError({
    code: 'E_SOURCE_NOT_FOUND',
    message: `${path} has more than ${maxFiles} files; a model or data set has fewer`,
    path: field,
    value: path,
  });
}
