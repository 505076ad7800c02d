// Tokenised documents on disk. The index is kept in memory; tokens are read when a sequence is
// filled, and the page cache keeps what is used. A store is immutable: other inputs give another
// folder.
import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ZodError } from 'zod';
import { Bug } from '../../crds/failures/errors.ts';
import { jsonLimits, RefusedBytes } from '../../crds/text/json.ts';
import { readJsonFile } from '../files/bounded-file.ts';
import { sha256OfFile } from '../files/file-digest.ts';
import type { Documents } from './documents.ts';
import {
  indexEntryBytes,
  type StoreManifest,
  storeFiles,
  storeManifest,
} from './store-manifest.ts';

/** A store that does not match its manifest; it can be rebuilt. */
export class DamagedStore extends Error {}

/** Undefined when there is none. Verifies every byte. */
export async function openTokenStore(
  folder: string,
  signal: AbortSignal,
): Promise<TokenStore | undefined> {
  const manifest = await readManifest(folder);
  if (manifest === undefined) return undefined;
  await checkFile(folder, 'tokens', manifest, signal);
  await checkFile(folder, 'targets', manifest, signal);
  const index = await readFile(join(folder, storeFiles.index)).catch(missing);
  if (digest(index) !== manifest.contents.index) {
    throw new DamagedStore(`${storeFiles.index} does not have its digest`);
  }
  return new TokenStore(folder, manifest, index);
}

async function checkFile(
  folder: string,
  name: 'tokens' | 'targets',
  manifest: StoreManifest,
  signal: AbortSignal,
): Promise<void> {
  const found = await sha256OfFile(join(folder, storeFiles[name]), signal).catch((error) => {
    signal.throwIfAborted();
    return missing(error);
  });
  if (found !== manifest.contents[name]) {
    throw new DamagedStore(`${storeFiles[name]} does not have its digest`);
  }
}

function digest(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

export class TokenStore implements Documents, Disposable {
  readonly folder: string;
  readonly manifest: StoreManifest;
  readonly #index: Buffer;
  readonly #tokens: number;
  readonly #targets: number;
  #scratch = Buffer.alloc(0);

  constructor(folder: string, manifest: StoreManifest, index: Buffer) {
    this.folder = folder;
    this.manifest = manifest;
    this.#index = index;
    this.#tokens = openSync(join(folder, storeFiles.tokens), 'r');
    this.#targets = openSync(join(folder, storeFiles.targets), 'r');
  }

  get digest(): string {
    return this.manifest.digest;
  }

  get count(): number {
    return this.manifest.documents;
  }

  get classOf(): ((document: number) => number) | undefined {
    return this.manifest.objective === 'Class' ? this.#classOf : undefined;
  }

  // Arrow members, since they are passed as functions.
  readonly lengthOf = (document: number): number => this.#field(document, 8);
  readonly targetTokensOf = (document: number): number =>
    this.classOf === undefined ? this.#field(document, 12) : 1;
  readonly #classOf = (document: number): number => this.#field(document, 12);
  readonly lineOf = (document: number): number => this.#field(document, 16);
  readonly sampleOf = (document: number): number => this.#field(document, 20);

  readonly copyTo = (document: number, ids: Int32Array, marks: Uint8Array, at: number): void => {
    const first = Number(this.#index.readBigUInt64LE(document * indexEntryBytes));
    const length = this.lengthOf(document);
    const { bytesPerToken } = this.manifest;
    const tokens = this.#read(this.#tokens, first * bytesPerToken, length * bytesPerToken);
    for (let token = 0; token < length; token += 1) {
      ids[at + token] =
        bytesPerToken === 2 ? tokens.readUInt16LE(2 * token) : tokens.readInt32LE(4 * token);
    }
    const firstByte = Math.floor(first / 8);
    const bits = this.#read(
      this.#targets,
      firstByte,
      Math.floor((first + length - 1) / 8) - firstByte + 1,
    );
    for (let token = 0, bit = first % 8; token < length; token += 1, bit += 1) {
      marks[at + token] = ((bits[bit >>> 3] ?? 0) >>> (bit & 7)) & 1;
    }
  };

  [Symbol.dispose](): void {
    closeSync(this.#tokens);
    closeSync(this.#targets);
  }

  #field(document: number, offset: number): number {
    return this.#index.readUInt32LE(document * indexEntryBytes + offset);
  }

  #read(file: number, position: number, length: number): Buffer {
    if (this.#scratch.length < length) this.#scratch = Buffer.alloc(length);
    for (let filled = 0; filled < length; ) {
      const read = readSync(file, this.#scratch, filled, length - filled, position + filled);
      if (read === 0) throw new Bug(`the token store ${this.folder} ends before its index says`);
      filled += read;
    }
    return this.#scratch;
  }
}

async function readManifest(folder: string): Promise<StoreManifest | undefined> {
  try {
    const manifest = await readJsonFile(join(folder, storeFiles.manifest), jsonLimits.runRecord);
    return manifest === undefined ? undefined : storeManifest.parse(manifest);
  } catch (cause) {
    if (!(cause instanceof RefusedBytes) && !(cause instanceof ZodError)) throw cause;
    throw new DamagedStore(`${storeFiles.manifest} cannot be read`, { cause });
  }
}

function missing(cause: unknown): never {
  throw new DamagedStore('a file of the store is missing', { cause });
}
