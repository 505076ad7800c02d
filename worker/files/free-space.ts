// Checks the free space before the first byte is fetched: a disk that fills up after an hour costs
// the hour.
import { stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { TerminalError } from '../../crds/failures/errors.ts';

/** Kept free for the rest of the system. */
const reservedBytes = 64 << 20;

interface Blob {
  readonly version: string;
  readonly bytes: number;
}

/** `blobs`: the folder in which each file will be under its version. */
export async function ensureSpace(files: readonly Blob[], blobs: string): Promise<void> {
  // Two paths with the same content are one blob.
  const distinct = new Map(files.map((file) => [file.version, file]));
  let needed = 0;
  for (const file of distinct.values()) needed += await missingBytes(file, blobs);
  if (needed === 0) return;
  const { bavail, bsize } = await statfs(blobs);
  const free = bavail * bsize;
  if (free >= needed + reservedBytes) return;
  throw new TerminalError({
    code: 'E_NO_SPACE',
    message: `the disk of ${blobs} has ${inGigabytes(free)} free; ${inGigabytes(
      needed + reservedBytes,
    )} are needed`,
  });
}

export function diskFull(path: string, cause: unknown): TerminalError {
  const message = `the disk of ${path} is full, or a quota on it is used up`;
  return new TerminalError({ code: 'E_NO_SPACE', message, cause });
}

async function missingBytes(file: Blob, blobs: string): Promise<number> {
  const blob = join(blobs, file.version);
  if (await stat(blob).catch(() => undefined)) return 0;
  // A sparse file: its allocated blocks already count as used.
  const partial = await stat(`${blob}.partial`).catch(() => undefined);
  return Math.max(0, file.bytes - (partial?.blocks ?? 0) * 512);
}

function inGigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(2)} GB`;
}
