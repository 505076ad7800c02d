// Digests of files. Each chunk is read into the same buffer: as buffers of a stream they would stay
// until V8 collects them, tens of MiB that no memory plan knows.
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';

const chunkBytes = 1 << 20;

/** Views of one buffer: what one holds is gone with the next. */
export async function* reusedChunks(path: string, signal?: AbortSignal): AsyncGenerator<Buffer> {
  await using file = await open(path);
  const buffer = Buffer.allocUnsafeSlow(chunkBytes);
  for (;;) {
    signal?.throwIfAborted();
    const { bytesRead } = await file.read(buffer, 0, chunkBytes);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}

/** SHA-256 of a file's bytes, in hexadecimal. */
export async function sha256OfFile(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of reusedChunks(path, signal)) hash.update(chunk);
  return hash.digest('hex');
}
