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
    return this.part(document, 0, this.#offset(document + 1) - this.#offset(document));
  }

  /** `length` bytes of one, from place `from` on; until the next ones are read. */
  part(document: number, from: number, length: number): Buffer {
    if (this.#scratch.length < length) this.#scratch = Buffer.alloc(length);
    const packed = this.#scratch.subarray(0, length);
    readAt(this.#file, packed, this.#offset(document) + from);
    return packed;
  }

  [Symbol.dispose](): void {
    closeSync(this.#file);
  }

  #offset(document: number): number {
    return Number(this.#offsets.readBigUInt64LE(8 * document));
  }
}
