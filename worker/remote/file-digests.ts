// SHA-256 of files on this disk, cached by what `stat` shows, since hashing a large model takes
// long. As in git, a file modified so recently that a second change could have the same time stamp
// is not cached.
import { createHash } from 'node:crypto';
import { mkdir, realpath, rename, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import type { Clock } from '../../crds/clock.ts';
import { jsonLimits } from '../../crds/text/json.ts';
import { readJsonFile } from '../files/bounded-file.ts';
import { verify } from './verify.ts';

const remembered = z.object({ key: z.string(), sha256: z.string().regex(/^[0-9a-f]{64}$/) });
const settledMs = 2000;

export interface FileDigests {
  of(path: string, signal: AbortSignal): Promise<string>;
  /** For a file that was just hashed and will not be written again. */
  know(path: string, sha256: string): Promise<void>;
}

export function fileDigests(cache: string, clock: Clock): FileDigests {
  return {
    async of(path, signal) {
      const record = await recordOf(path, cache);
      const known = await recall(record.path);
      if (known?.key === record.key) return known.sha256;
      const { sha256 } = await verify(path, record.bytes, undefined, signal);
      if (clock.now() - record.changedMs > settledMs) await remember(record, sha256);
      return sha256;
    },
    async know(path, sha256) {
      await remember(await recordOf(path, cache), sha256);
    },
  };
}

interface RecordPlace {
  readonly path: string;
  readonly key: string;
  readonly bytes: number;
  readonly changedMs: number;
}

async function recordOf(file: string, cache: string): Promise<RecordPlace> {
  const real = await realpath(file);
  const found = await stat(real, { bigint: true });
  const name = createHash('sha256').update(real).digest('hex');
  return {
    path: join(cache, 'digests', name.slice(0, 2), `${name}.json`),
    key: [found.dev, found.ino, found.size, found.mtimeNs, found.ctimeNs].join(' '),
    bytes: Number(found.size),
    changedMs: Number(found.ctimeNs / 1_000_000n),
  };
}

/**
 * One digest for a set of files: SHA-256 over lines "sha256 path", sorted by path. For a single
 * file it is the digest of its content, as `sha256sum` prints it.
 */
export function digestOfFiles(
  files: readonly { readonly path: string; readonly sha256: string }[],
): `sha256:${string}` {
  const [only] = files;
  if (files.length === 1 && only) return `sha256:${only.sha256}`;
  const hash = createHash('sha256');
  for (const { path, sha256 } of files.toSorted((a, b) => (a.path < b.path ? -1 : 1))) {
    hash.update(`${sha256} ${path}\n`);
  }
  return `sha256:${hash.digest('hex')}`;
}

async function recall(path: string): Promise<z.output<typeof remembered> | undefined> {
  try {
    return remembered.parse(await readJsonFile(path, jsonLimits.runRecord));
  } catch {
    // Unknown, or an unreadable record: hash again.
    return undefined;
  }
}

async function remember({ path, key }: RecordPlace, sha256: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const fresh = `${path}.${process.pid}`;
  await writeFile(fresh, JSON.stringify({ key, sha256 }));
  await rename(fresh, path);
}
