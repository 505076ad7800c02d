// The bytes of a file in chunks, unpacked from gzip or zstd. The first four bytes decide, not the
// name, so that a misnamed file is still read.
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createZstdDecompress } from 'node:zlib';

const chunkBytes = 1024 * 1024;

/** `onBytes` gets the number of bytes read from the file, before unpacking. */
export async function* byteChunks(
  path: string,
  onBytes: (count: number) => void,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const packing = await packingOf(path);
  const source = counted(path, onBytes, signal);
  if (packing === 'none') {
    yield* source;
    return;
  }
  const options = { chunkSize: chunkBytes };
  const unpacked = packing === 'gzip' ? createGunzip(options) : createZstdDecompress(options);
  const flow = pipeline(source, unpacked, { signal });
  // The reader below gets the same error; here it only must not go unhandled.
  flow.catch(() => undefined);
  yield* unpacked;
  await flow;
}

async function* counted(path: string, onBytes: (count: number) => void, signal: AbortSignal) {
  for await (const chunk of createReadStream(path, { highWaterMark: chunkBytes, signal })) {
    onBytes(chunk.length);
    yield chunk;
  }
}

/** Whether unpacking failed: the file is damaged or cut off, the disk is fine. */
export function isDamagedPacking(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return code.startsWith('Z_') || code.startsWith('ZSTD_') || code.startsWith('ERR_ZSTD');
}

/** The first byte of the unpacked content after blanks and a byte order mark. */
export async function firstByte(path: string, signal: AbortSignal): Promise<number | undefined> {
  for await (const chunk of byteChunks(path, () => undefined, signal)) {
    for (const byte of chunk) if (!blank.has(byte)) return byte;
  }
  return undefined;
}

const blank = new Set([0x20, 0x09, 0x0a, 0x0d, 0xef, 0xbb, 0xbf]);

async function packingOf(path: string): Promise<'none' | 'gzip' | 'zstd'> {
  await using file = await open(path);
  const { buffer } = await file.read(Buffer.alloc(4), 0, 4, 0);
  if (buffer[0] === 0x1f && buffer[1] === 0x8b) return 'gzip';
  if (buffer.readUInt32LE() === 0xfd2fb528) return 'zstd';
  return 'none';
}
