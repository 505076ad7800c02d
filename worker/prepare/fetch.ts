// Fetches files of a listing to this disk: each once, complete and verified, despite interruptions.
// Contents are in `blobs/` by version and linked into one folder for each version of the source, so
// that a new commit fetches only what it changed. A blob is verified before it gets its name.
import { mkdir, stat, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { TerminalError, TransientError } from '../../crds/failures/errors.ts';
import { isErrno } from '../files/errno.ts';
import { lockFile } from '../files/file-lock.ts';
import { diskFull, ensureSpace } from '../files/free-space.ts';
import type { FetchTools } from '../remote/fetch-tools.ts';
import { gate, gatherThrough } from '../remote/gate.ts';
import { retry } from '../remote/retry.ts';
import type { FileDigest, SourceFile } from '../remote/source-files.ts';
import { verify } from '../remote/verify.ts';
import type { Extent } from './extents.ts';
import { PartialFile } from './partial-file.ts';

interface FetchTarget {
  /** Contains blobs/ and one folder for each version. */
  readonly store: string;
  readonly version: string;
}

const pieceBytes = 32 << 20;
const journalledBytes = 1 << 20;
/** More files than connections keep the gate full between files; the others wait at it. */
const filesAtOnce = 4;

/** Returns the folder that contains the files under their paths. */
export async function fetchFiles(
  files: readonly SourceFile[],
  target: FetchTarget,
  tools: FetchTools,
  signal: AbortSignal,
): Promise<string> {
  const folder = join(target.store, target.version);
  const blobs = join(target.store, 'blobs');
  await mkdir(blobs, { recursive: true });
  await ensureSpace(files, blobs);
  await gatherThrough(
    files,
    gate(filesAtOnce),
    async (file, both) => {
      const blob = join(blobs, file.version);
      await fetchFile(file, blob, tools, both);
      await linkTo(blob, join(folder, file.path));
    },
    signal,
  );
  return folder;
}

async function fetchFile(
  file: SourceFile,
  target: string,
  tools: FetchTools,
  signal: AbortSignal,
): Promise<void> {
  const { path } = file;
  if (await exists(target, file.bytes)) return;
  await using _lock = await lockFile(`${target}.lock`, tools.network.clock, signal, () =>
    tools.report({ type: 'Waiting', path }),
  );
  if (await exists(target, file.bytes)) return;
  const digest = await file.digest(signal);
  await using partial = await PartialFile.open(`${target}.partial`, {
    bytes: file.bytes,
    version: file.version,
    durable: digest === undefined,
  });
  tools.report({ type: 'Start', path, held: partial.held, bytes: file.bytes });
  for (const last of [false, true]) {
    await fetchMissing(file, partial, tools, signal);
    tools.report({ type: 'Verify', path });
    const { matches, sha256 } = await verify(partial.path, file.bytes, digest, signal);
    if (matches) {
      await partial.finish(target);
      await tools.digests.know(target, sha256);
      return tools.report({ type: 'Done', path });
    }
    await partial.restart();
    if (last) throw changed(file, digest);
    tools.report({ type: 'Start', path, held: 0, bytes: file.bytes });
  }
}

async function fetchMissing(
  file: SourceFile,
  partial: PartialFile,
  tools: FetchTools,
  signal: AbortSignal,
): Promise<void> {
  try {
    await gatherThrough(
      partial.missing(pieceBytes),
      tools.network.connections,
      (piece, both) => fetchPiece(file, piece, partial, tools, both),
      signal,
    );
  } catch (error) {
    throw isErrno(error, 'ENOSPC', 'EDQUOT') ? diskFull(partial.path, error) : error;
  }
}

async function fetchPiece(
  file: SourceFile,
  piece: Extent,
  partial: PartialFile,
  { network, report }: FetchTools,
  signal: AbortSignal,
): Promise<void> {
  const { path } = file;
  const onRetry = (error: TransientError, waitMs: number) => {
    report({ type: 'Retry', path, reason: error.message, waitMs });
    network.onRetry?.(error, waitMs);
  };
  let at = piece.begin;
  await retry(
    async (progressed) => {
      const chunks = await file.read(at, piece.end, signal);
      for await (const batch of inBatches(chunks, journalledBytes)) {
        await partial.write(at, batch.chunks);
        at += batch.bytes;
        progressed();
        report({ type: 'Bytes', path, count: batch.bytes });
      }
      if (at < piece.end) {
        const message = `${path} ended ${piece.end - at} bytes early`;
        throw new TransientError({ code: 'E_HUB_UNAVAILABLE', message });
      }
    },
    { ...network, onRetry },
    signal,
  );
}

interface Batch {
  readonly chunks: readonly Uint8Array[];
  readonly bytes: number;
}

/** Fewer, larger writes. Chunks before a failure are yielded before it is thrown. */
async function* inBatches(chunks: AsyncIterable<Uint8Array>, size: number): AsyncGenerator<Batch> {
  let held: Uint8Array[] = [];
  let bytes = 0;
  let failure: { readonly error: unknown } | undefined;
  try {
    for await (const chunk of chunks) {
      held.push(chunk);
      bytes += chunk.length;
      if (bytes < size) continue;
      yield { chunks: held, bytes };
      held = [];
      bytes = 0;
    }
  } catch (error) {
    failure = { error };
  }
  if (bytes > 0) yield { chunks: held, bytes };
  if (failure) throw failure.error;
}

async function linkTo(blob: string, link: string): Promise<void> {
  await mkdir(dirname(link), { recursive: true });
  try {
    await symlink(relative(dirname(link), blob), link);
  } catch (error) {
    // The folder is named by the version, so an existing link refers to the same blob.
    if (!isErrno(error, 'EEXIST')) throw error;
  }
}

async function exists(path: string, bytes: number): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found?.isFile() === true && found.size === bytes;
}

function changed(file: SourceFile, digest: FileDigest | undefined): TerminalError {
  return new TerminalError({
    code: 'E_DIGEST_MISMATCH',
    message: `${file.path} arrived twice with other bytes than its stated ${digest?.type} ${digest?.hex}`,
  });
}
