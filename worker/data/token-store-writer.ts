// Writes a token store into a new folder: tokens and target bits as they come, index and manifest
// at the end. Everything is synced before the caller renames the folder.
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { HashedFile } from './hashed-file.ts';
import type { Preprocessing, Size } from './images/preprocessing.ts';
import { PicturesWriter } from './pictures-file.ts';
import {
  indexEntryBytes,
  type StoreManifest,
  storeFiles,
  storeManifest,
} from './store-manifest.ts';

/** The record that a document comes from. */
interface Origin {
  readonly line: number;
  readonly sample: number;
}

/** Where documents have a class, the marks are of the second text of a pair. */
interface WrittenDocument {
  readonly ids: Uint32Array;
  readonly marks: Uint8Array;
  readonly class?: number | undefined;
  /** Its picture or sound, as the store keeps it; all documents have one, or none has. */
  readonly packed?: Uint8Array | undefined;
}

/**
 * What all pictures or sounds of a store become, or what is cut out of pictures that are to be
 * restored, or of clips.
 */
export type PicturesOfStore =
  | { readonly preprocessing: Preprocessing; readonly size: Size }
  | { readonly scale: number; readonly crop: number }
  | { readonly mels: number; readonly frames: number }
  | {
      readonly template: number;
      readonly search: number;
      readonly patch: number;
      readonly preprocessing: Preprocessing;
    };

export class TokenStoreWriter implements AsyncDisposable {
  readonly #folder: string;
  readonly #bytesPerToken: 2 | 4;
  readonly #tokens: HashedFile;
  readonly #targets: HashedFile;
  readonly #index: HashedFile;
  readonly #pictures: PicturesWriter | undefined;
  /** Whether every token has a target, which is no label. */
  readonly #everyToken: boolean;
  /** Bits of the unfinished byte. */
  #bits = 0;
  tokens = 0;
  documents = 0;
  targetTokens = 0;

  static async create(
    folder: string,
    bytesPerToken: 2 | 4,
    pictures?: PicturesOfStore,
  ): Promise<TokenStoreWriter> {
    const files: HashedFile[] = [];
    for (const name of [storeFiles.tokens, storeFiles.targets, storeFiles.index]) {
      files.push(await HashedFile.create(join(folder, name)));
    }
    const beside = pictures && (await PicturesWriter.create(folder, pictures));
    const everyToken = pictures !== undefined && 'crop' in pictures;
    return new TokenStoreWriter(folder, bytesPerToken, files, beside, everyToken);
  }

  constructor(
    folder: string,
    bytesPerToken: 2 | 4,
    [tokens, targets, index]: readonly HashedFile[],
    pictures: PicturesWriter | undefined,
    everyToken: boolean,
  ) {
    if (tokens === undefined || targets === undefined || index === undefined) {
      throw new RangeError('a store has three files');
    }
    this.#folder = folder;
    this.#bytesPerToken = bytesPerToken;
    this.#tokens = tokens;
    this.#targets = targets;
    this.#index = index;
    this.#pictures = pictures;
    this.#everyToken = everyToken;
  }

  async append(document: WrittenDocument, { line, sample }: Origin): Promise<void> {
    const { ids, marks } = document;
    const entry = Buffer.alloc(indexEntryBytes);
    const countable = document.class === undefined ? this.#targetsOf(marks) : 1;
    entry.writeBigUInt64LE(BigInt(this.tokens), 0);
    const learned = document.class ?? countable;
    for (const [field, value] of [ids.length, learned, line, sample].entries()) {
      entry.writeUInt32LE(value, 8 + 4 * field);
    }
    await this.#index.write(entry);
    await this.#tokens.write(this.#bytesOf(ids));
    await this.#targets.write(this.#packBits(marks));
    await this.#pictures?.append(document.packed);
    this.documents += 1;
    this.targetTokens += countable;
  }

  async finish(
    facts: Omit<StoreManifest, 'contents' | 'pictures' | 'documents' | 'tokens' | 'targetTokens'>,
  ): Promise<void> {
    if (this.tokens % 8 !== 0) await this.#targets.write(Buffer.of(this.#bits));
    const contents = {
      tokens: await this.#tokens.finish(),
      targets: await this.#targets.finish(),
      index: await this.#index.finish(),
    };
    const { documents, tokens, targetTokens } = this;
    const pictures = (await this.#pictures?.finish()) ?? null;
    const counts = { documents, tokens, targetTokens };
    const manifest = storeManifest.parse({ ...facts, ...counts, contents, pictures });
    await using file = await open(join(this.#folder, storeFiles.manifest), 'wx');
    await file.writeFile(`${JSON.stringify(manifest, null, 2)}\n`);
    await file.sync();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const file of [this.#tokens, this.#targets, this.#index]) await file.close();
    await this.#pictures?.[Symbol.asyncDispose]();
  }

  #targetsOf(marks: Uint8Array): number {
    return this.#everyToken ? marks.length : countTargets(marks);
  }

  #bytesOf(ids: Uint32Array): Buffer {
    const narrow = this.#bytesPerToken === 2 ? Uint16Array.from(ids) : ids;
    return Buffer.from(narrow.buffer, narrow.byteOffset, narrow.byteLength);
  }

  #packBits(marks: Uint8Array): Buffer {
    const bytes = Buffer.alloc(Math.floor(((this.tokens % 8) + marks.length) / 8));
    let filled = 0;
    for (const mark of marks) {
      this.#bits |= mark << (this.tokens % 8);
      this.tokens += 1;
      if (this.tokens % 8 !== 0) continue;
      bytes[filled] = this.#bits;
      filled += 1;
      this.#bits = 0;
    }
    return bytes;
  }
}

/** The first token is never a target: nothing precedes it. */
function countTargets(targets: Uint8Array): number {
  let count = 0;
  for (let token = 1; token < targets.length; token += 1) count += targets[token] ?? 0;
  return count;
}
