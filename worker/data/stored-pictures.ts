// Reads the pictures of a store: as values, when a sequence is filled.
import type { HostSequence } from '../engine/packed-sequence.ts';
import { valueWriter, type WriteValues } from './images/preprocess.ts';
import { unpackValues } from './images/stored-picture.ts';
import { PackedPictures } from './packed-pictures.ts';
import type { PreprocessedRecord } from './pictures-record.ts';

export class StoredPictures implements Disposable {
  readonly #about: PreprocessedRecord;
  readonly #packed: PackedPictures;
  readonly #write: WriteValues;

  constructor(folder: string, about: PreprocessedRecord, offsets: Buffer) {
    this.#about = about;
    this.#packed = new PackedPictures(folder, offsets);
    this.#write = valueWriter(about.preprocessing);
  }

  readonly valuesOf = (documents: readonly number[]): NonNullable<HostSequence['values']> => {
    const { preprocessing, size } = this.#about;
    const shape = [preprocessing.channels, size.height, size.width];
    const each = preprocessing.channels * size.height * size.width;
    const values = new Float32Array(documents.length * each);
    for (const [at, document] of documents.entries()) {
      unpackValues(this.#packed.of(document), preprocessing, this.#write, values, at * each);
    }
    return { pixels: { values, shape } };
  };

  [Symbol.dispose](): void {
    this.#packed[Symbol.dispose]();
  }
}
