// Does a file on disk hold what its place says it holds? The SHA-256 is computed in the same pass whatever the place
// states, because our own records (source digests, token store) are always SHA-256.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { crc32 } from 'node:zlib';
import type { FileDigest } from './source-files.ts';

interface Verdict {
  readonly sha256: string;
  /** True where nothing was stated. */
  readonly matches: boolean;
}

export async function verify(
  path: string,
  bytes: number,
  stated: FileDigest | undefined,
  signal: AbortSignal,
): Promise<Verdict> {
  const sha256 = createHash('sha256');
  const other = stated && stated.type !== 'sha256' ? digester(stated.type, bytes) : undefined;
  await pipeline(
    createReadStream(path, { highWaterMark: 1 << 20 }),
    async (chunks: AsyncIterable<Buffer>) => {
      for await (const chunk of chunks) {
        sha256.update(chunk);
        other?.update(chunk);
      }
    },
    { signal },
  );
  const ours = sha256.digest('hex');
  return { sha256: ours, matches: (other ? other.hex() : ours) === (stated?.hex ?? ours) };
}

interface Digester {
  update(chunk: Buffer): void;
  hex(): string;
}

function digester(type: 'gitBlob' | 'md5' | 'crc32', bytes: number): Digester {
  if (type === 'crc32') {
    let value = 0;
    return {
      update: (chunk) => {
        value = crc32(chunk, value);
      },
      hex: () => value.toString(16).padStart(8, '0'),
    };
  }
  const hash = createHash(type === 'md5' ? 'md5' : 'sha1');
  if (type === 'gitBlob') hash.update(`blob ${bytes}\0`);
  return { update: (chunk) => void hash.update(chunk), hex: () => hash.digest('hex') };
}
