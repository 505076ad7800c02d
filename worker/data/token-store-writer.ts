// Writes a token store into a new folder: tokens and target bits as they come, index and manifest
// at the end. Everything is synced before the caller renames the folder.
import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import {
  indexEntryBytes,
  type StoreManifest,
  storeFiles,
  storeManifest,
} from './store-manifest.ts';

const flushBytes = 1024 * 1024;

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
}

export class TokenStoreWriter implements AsyncDisposable {
  readonly #folder: string;
  readonly #bytesPerToken: 2 | 4;
  readonly #tokens: HashedFile;
  readonly #targets: HashedFile;
  readonly #index: HashedFile;
  /** Bits of the unfinished byte. */
  #bits = 0;
  tokens = 0;
  documents = 0;
  targetTokens = 0;

  static async create(folder: string, bytesPerToken: 2 | 4): Promise<TokenStoreWriter> {
    const files: HashedFile[] = [];
    for (const name of [storeFiles.tokens, storeFiles.targets, storeFiles.index]) {
      files.push(new HashedFile(await open(join(folder, name), 'wx')));
    }
    return new TokenStoreWriter(folder, bytesPerToken, files);
  }

  constructor(
    folder: string,
    bytesPerToken: 2 | 4,
    [tokens, targets, index]: readonly HashedFile[],
  ) {
    if (tokens === undefined || targets === undefined || index === undefined) {
      throw new RangeError('a store has three files');
    }
    this.#folder = folder;
    this.#bytesPerToken = bytesPerToken;
    this.#tokens = tokens;
    this.#targets = targets;
    this.#index = index;
  }

  async append(document: WrittenDocument, { line, sample }: Origin): Promise<void> {
    const { ids, marks } = document;
    const entry = Buffer.alloc(indexEntryBytes);
    const countable = document.class === undefined ? countTargets(marks) : 1;
    entry.writeBigUInt64LE(BigInt(this.tokens), 0);
    const learned = document.class ?? countable;
    for (const [field, value] of [ids.length, learned, line, sample].entries()) {
      entry.writeUInt32LE(value, 8 + 4 * field);
    }
    await this.#index.write(entry);
    await this.#tokens.write(this.#bytesOf(ids));
    await this.#targets.write(this.#packBits(marks));
    this.documents += 1;
    this.targetTokens += countable;
  }

  async finish(
    facts: Omit<StoreManifest, 'contents' | 'documents' | 'tokens' | 'targetTokens'>,
  ): Promise<void> {
    if (this.tokens % 8 !== 0) await this.#targets.write(Buffer.of(this.#bits));
    const contents = {
      tokens: await this.#tokens.finish(),
      targets: await this.#targets.finish(),
      index: await this.#index.finish(),
    };
    const { documents, tokens, targetTokens } = this;
    const manifest = storeManifest.parse({ ...facts, documents, tokens, targetTokens, contents });
    await using file = await open(join(this.#folder, storeFiles.manifest), 'wx');
    await file.writeFile(`${JSON.stringify(manifest, null, 2)}\n`);
    await file.sync();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const file of [this.#tokens, this.#targets, this.#index]) await file.close();
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

/** Buffers small writes, and computes the digest of all that is written. */
class HashedFile {
  readonly #file: FileHandle;
  readonly #hash: Hash = createHash('sha256');
  #parts: Buffer[] = [];
  #held = 0;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  async write(bytes: Buffer): Promise<void> {
    this.#parts.push(bytes);
    this.#held += bytes.length;
    if (this.#held >= flushBytes) await this.#flush();
  }

  async finish(): Promise<string> {
    await this.#flush();
    await this.#file.sync();
    return this.#hash.digest('hex');
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  async #flush(): Promise<void> {
    const bytes = Buffer.concat(this.#parts);
    this.#parts = [];
    this.#held = 0;
    this.#hash.update(bytes);
    for (let written = 0; written < bytes.length; ) {
      written += (await this.#file.write(bytes, written)).bytesWritten;
    }
  }
}
