// Reads the pictures of a store: as values, when a sequence is filled.
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import type { HostSequence } from '../engine/packed-sequence.ts';
import { valueWriter, type WriteValues } from './images/preprocess.ts';
import { unpackValues } from './images/stored-picture.ts';
import { type PicturesRecord, pictureFiles } from './pictures-record.ts';
import { readAt } from './read-at.ts';

export class StoredPictures implements Disposable {
  readonly #about: PicturesRecord;
  readonly #offsets: Buffer;
  readonly #file: number;
  readonly #write: WriteValues;
  #scratch = Buffer.alloc(0);

  /** `offsets`: the content of their file, which is as its digest says. */
  constructor(folder: string, about: PicturesRecord, offsets: Buffer) {
    this.#about = about;
    this.#offsets = offsets;
    this.#write = valueWriter(about.preprocessing);
    this.#file = openSync(join(folder, pictureFiles.pictures), 'r');
  }

  readonly valuesOf = (documents: readonly number[]): NonNullable<HostSequence['values']> => {
    const { preprocessing, size } = this.#about;
    const shape = [preprocessing.channels, size.height, size.width];
    const each = preprocessing.channels * size.height * size.width;
    const values = new Float32Array(documents.length * each);
    for (const [at, document] of documents.entries()) {
      unpackValues(this.#packed(document), preprocessing, this.#write, values, at * each);
    }
    return { pixels: { values, shape } };
  };

  [Symbol.dispose](): void {
    closeSync(this.#file);
  }

  #packed(document: number): Buffer {
    const [begin, end] = [this.#offset(document), this.#offset(document + 1)];
    const length = end - begin;
    if (this.#scratch.length < length) this.#scratch = Buffer.alloc(length);
    const packed = this.#scratch.subarray(0, length);
    readAt(this.#file, packed, begin);
    return packed;
  }

  #offset(document: number): number {
    return Number(this.#offsets.readBigUInt64LE(8 * document));
  }
}
