// Verifies a file on disk against the digest that its source states. The same pass always computes
// the SHA-256, because our own records (source digests, token store) use it.
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { reusedChunks } from '../files/file-digest.ts';
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
  const other = stated && stated.type !== 'sha256' ? digester(stated, bytes) : undefined;
  for await (const chunk of reusedChunks(path, signal)) {
    sha256.update(chunk);
    other?.update(chunk);
  }
  const ours = sha256.digest('hex');
  return { sha256: ours, matches: (other ? other.hex() : ours) === (stated?.hex ?? ours) };
}

interface Digester {
  update(chunk: Buffer): void;
  hex(): string;
}

function digester(stated: Exclude<FileDigest, { type: 'sha256' }>, bytes: number): Digester {
  switch (stated.type) {
    case 'crc32':
      return crc32Digester();
    case 'sha256OfParts':
      return partsDigester(stated.partBytes, () => hashDigester('sha256'), hashDigester('sha256'));
    case 'crc32OfParts':
      return partsDigester(stated.partBytes, crc32Digester, crc32Digester());
    case 'md5':
      return hashDigester('md5');
    case 'gitBlob': {
      const hash = hashDigester('sha1');
      hash.update(Buffer.from(`blob ${bytes}\0`));
      return hash;
    }
    default:
      return stated satisfies never;
  }
}

function hashDigester(algorithm: 'md5' | 'sha1' | 'sha256'): Digester {
  const hash = createHash(algorithm);
  return { update: (chunk) => void hash.update(chunk), hex: () => hash.digest('hex') };
}

function crc32Digester(): Digester {
  let value = 0;
  return {
    update: (chunk) => {
      value = crc32(chunk, value);
    },
    hex: () => value.toString(16).padStart(8, '0'),
  };
}

/** A digest of each part, and one over all of these. */
function partsDigester(
  partBytes: readonly number[],
  fresh: () => Digester,
  whole: Digester,
): Digester {
  const ends = partBytes.values();
  let part = fresh();
  let left = ends.next().value ?? 0;
  const endPart = () => {
    whole.update(Buffer.from(part.hex(), 'hex'));
    part = fresh();
    left = ends.next().value ?? Number.POSITIVE_INFINITY;
  };
  return {
    update(chunk) {
      for (let at = 0; at < chunk.length; ) {
        const take = Math.min(left, chunk.length - at);
        part.update(chunk.subarray(at, at + take));
        at += take;
        left -= take;
        if (left === 0) endPart();
      }
    },
    hex: () => whole.hex(),
  };
}
