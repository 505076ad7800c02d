// Tokenised documents on disk. The index is kept in memory; tokens are read when a sequence is
// filled, and the page cache keeps what is used. A store is immutable: other inputs give another
// folder.
import { createHash } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ZodError } from 'zod';
import { jsonLimits, RefusedBytes } from '../../crds/text/json.ts';
import { readJsonFile } from '../files/bounded-file.ts';
import { sha256OfFile } from '../files/file-digest.ts';
import type { Documents } from './documents.ts';
import { pictureFiles } from './pictures-record.ts';
import { readAt } from './read-at.ts';
import {
  indexEntryBytes,
  type StoreManifest,
  storeFiles,
  storeManifest,
} from './store-manifest.ts';
import { StoredClips } from './stored-clips.ts';
import { StoredPictures } from './stored-pictures.ts';
import { StoredSounds } from './stored-sounds.ts';
import { StoredTargets } from './stored-targets.ts';

/** A store that does not match its manifest; it can be rebuilt. */
export class DamagedStore extends Error {}

/** Undefined when there is none. Verifies every byte. */
export async function openTokenStore(
  folder: string,
  signal: AbortSignal,
): Promise<TokenStore | undefined> {
  const manifest = await readManifest(folder);
  if (manifest === undefined) return undefined;
  const { contents, pictures } = manifest;
  await checkFile(folder, storeFiles.tokens, contents.tokens, signal);
  await checkFile(folder, storeFiles.targets, contents.targets, signal);
  const index = await readChecked(folder, storeFiles.index, contents.index);
  if (pictures === null) return new TokenStore(folder, manifest, index);
  await checkFile(folder, pictureFiles.pictures, pictures.contents.pictures, signal);
  const offsets = await readChecked(folder, pictureFiles.offsets, pictures.contents.offsets);
  return new TokenStore(folder, manifest, index, opened(folder, pictures, offsets));
}

type Beside = StoredPictures | StoredTargets | StoredSounds | StoredClips;

function opened(
  folder: string,
  about: NonNullable<StoreManifest['pictures']>,
  offsets: Buffer,
): Beside {
  if ('mels' in about) return new StoredSounds(folder, about, offsets);
  if ('crop' in about) return new StoredTargets(folder, about, offsets);
  if ('patch' in about) return new StoredClips(folder, about, offsets);
  return new StoredPictures(folder, about, offsets);
}

async function checkFile(
  folder: string,
  name: string,
  sha256: string,
  signal: AbortSignal,
): Promise<void> {
  const found = await sha256OfFile(join(folder, name), signal).catch((error) => {
    signal.throwIfAborted();
    return missing(error);
  });
  if (found !== sha256) throw new DamagedStore(`${name} does not have its digest`);
}

/** The content of a file that is kept in memory. */
async function readChecked(folder: string, name: string, sha256: string): Promise<Buffer> {
  const bytes = await readFile(join(folder, name)).catch(missing);
  if (digest(bytes) === sha256) return bytes;
  throw new DamagedStore(`${name} does not have its digest`);
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
  readonly #pictures: Beside | undefined;
  #scratch = Buffer.alloc(0);

  constructor(folder: string, manifest: StoreManifest, index: Buffer, pictures?: Beside) {
    this.folder = folder;
    this.manifest = manifest;
    this.#index = index;
    this.#pictures = pictures;
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

  get valuesOf(): Documents['valuesOf'] {
    const beside = this.#pictures;
    if (beside === undefined || !('valuesOf' in beside)) return undefined;
    return (documents) => beside.valuesOf(documents);
  }

  /** Pictures with a class: as they are, or changed as the job says. */
  get pictures(): StoredPictures | undefined {
    return this.#pictures instanceof StoredPictures ? this.#pictures : undefined;
  }

  /** Pictures that are to be restored: what is read of them follows from the job. */
  get targets(): StoredTargets | undefined {
    return this.#pictures instanceof StoredTargets ? this.#pictures : undefined;
  }

  /** Clips of objects: what is read of them follows from the job. */
  get clips(): StoredClips | undefined {
    return this.#pictures instanceof StoredClips ? this.#pictures : undefined;
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
    this.#pictures?.[Symbol.dispose]();
  }

  #field(document: number, offset: number): number {
    return this.#index.readUInt32LE(document * indexEntryBytes + offset);
  }

  #read(file: number, position: number, length: number): Buffer {
    if (this.#scratch.length < length) this.#scratch = Buffer.alloc(length);
    readAt(file, this.#scratch.subarray(0, length), position);
    return this.#scratch;
  }
}

/** Undefined when there is no store. */
export async function readManifest(folder: string): Promise<StoreManifest | undefined> {
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
