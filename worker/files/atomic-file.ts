// A file that appears complete or not at all: written under another name, hashed on the way,
// synced, renamed.
import { createHash, type Hash, randomUUID } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { TerminalError } from '../../crds/failures/errors.ts';

export interface WrittenFile {
  readonly path: string;
  readonly bytes: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

/** Disposing without `commit` removes what was written. */
export class AtomicFile implements AsyncDisposable {
  readonly path: string;
  readonly #partial: string;
  readonly #handle: FileHandle;
  readonly #hash: Hash = createHash('sha256');
  #bytes = 0;
  #isDone = false;

  static async create(path: string): Promise<AtomicFile> {
    const partial = `${path}.${randomUUID()}.partial`;
    return new AtomicFile(path, partial, await open(partial, 'wx'));
  }

  private constructor(path: string, partial: string, handle: FileHandle) {
    this.path = path;
    this.#partial = partial;
    this.#handle = handle;
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#bytes += bytes.length;
    const written = this.#writeAll(bytes);
    // Hashing overlaps with the write, which runs in another thread.
    this.#hash.update(bytes);
    await written;
  }

  async commit(): Promise<WrittenFile> {
    await this.#handle.sync();
    await this.#handle.close();
    await rename(this.#partial, this.path);
    this.#isDone = true;
    await syncFolder(dirname(this.path));
    return { path: this.path, bytes: this.#bytes, sha256: this.#hash.digest('hex') };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isDone) return;
    this.#isDone = true;
    await this.#handle.close();
    await rm(this.#partial, { force: true });
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      const length = Math.min(bytes.length - at, maxWrite);
      at += (await this.#writePiece(bytes.subarray(at, at + length))).bytesWritten;
    }
  }

  async #writePiece(piece: Uint8Array) {
    try {
      return await this.#handle.write(piece);
    } catch (cause) {
      const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
      if (code !== 'ENOSPC' && code !== 'EDQUOT') throw cause;
      throw storageFull(this.path, this.#bytes, cause);
    }
  }
}

function storageFull(path: string, bytes: number, cause: unknown): TerminalError {
  return new TerminalError({
    code: 'E_STORAGE_FULL',
    message: `${path} cannot be written: the disk is full; the file needs at least ${bytes} bytes`,
    cause,
  });
}

/** Linux writes at most 2 GiB at once. */
const maxWrite = 2 ** 30;

/** Makes the new name durable. */
async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, 'r');
  await folder.sync();
}
