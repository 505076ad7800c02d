// The packed pictures or sounds of a store, read one at a time.
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { pictureFiles } from './pictures-record.ts';
import { readAt } from './read-at.ts';

export class PackedPictures implements Disposable {
  readonly #offsets: Buffer;
  readonly #file: number;
  #scratch = Buffer.alloc(0);

  /** `offsets`: the content of their file, which is as its digest says. */
  constructor(folder: string, offsets: Buffer) {
    this.#offsets = offsets;
    this.#file = openSync(join(folder, pictureFiles.pictures), 'r');
  }

  /** Until the next one is read. */
  of(document: number): Buffer {
    const [begin, end] = [this.#offset(document), this.#offset(document + 1)];
    const length = end - begin;
    if (this.#scratch.length < length) this.#scratch = Buffer.alloc(length);
    const packed = this.#scratch.subarray(0, length);
    readAt(this.#file, packed, begin);
    return packed;
  }

  [Symbol.dispose](): void {
    closeSync(this.#file);
  }

  #offset(document: number): number {
    return Number(this.#offsets.readBigUInt64LE(8 * document));
  }
}
