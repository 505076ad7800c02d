// Reads whole files up to a limit, and regular files only, since a pipe or a device has no end.
// Refusals are RefusedBytes, whose message completes the sentence "FILE …".
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { type JsonLimit, parseJson, RefusedBytes, requireLength } from '../../crds/text/json.ts';

/** Opening a pipe would block until it has a writer. */
const flags = constants.O_RDONLY | constants.O_NONBLOCK;

/** The bytes of a file; undefined where there is none. */
export async function readBounded(path: string, most: number): Promise<Buffer | undefined> {
  await using file = await open(path, flags).catch(absent);
  if (file === undefined) return undefined;
  const bytes = roomFor(await file.stat(), most);
  for (let at = 0; at < bytes.length; ) {
    const { bytesRead } = await file.read(bytes, at, bytes.length - at, at);
    if (bytesRead === 0) return bytes.subarray(0, at);
    at += bytesRead;
  }
  return bytes;
}

export function readBoundedSync(path: string, most: number): Buffer {
  const file = openSync(path, flags);
  try {
    const bytes = roomFor(fstatSync(file), most);
    for (let at = 0; at < bytes.length; ) {
      const read = readSync(file, bytes, at, bytes.length - at, at);
      if (read === 0) return bytes.subarray(0, at);
      at += read;
    }
    return bytes;
  } finally {
    closeSync(file);
  }
}

/** The parsed JSON of a file; undefined where there is no such file. */
export async function readJsonFile(path: string, limit: JsonLimit): Promise<unknown> {
  const bytes = await readBounded(path, limit.bytes);
  return bytes === undefined ? undefined : parseJson(bytes, limit);
}

/** The text of a file; bytes that are not UTF-8 become replacement characters. */
export async function readTextFile(path: string, most: number): Promise<string | undefined> {
  return (await readBounded(path, most))?.toString('utf8');
}

function roomFor(
  stats: { readonly size: number; isFile(): boolean },
  most: number,
): Buffer<ArrayBuffer> {
  if (!stats.isFile()) throw new RefusedBytes('is not a regular file');
  requireLength(stats.size, most);
  return Buffer.allocUnsafeSlow(stats.size);
}

function absent(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
  throw error;
}
