// Reads the pictures of a store: as values, when a sequence is filled.
import type { HostSequence } from '../engine/packed-sequence.ts';
import type { Image } from './images/image.ts';
import { valueWriter, type WriteValues } from './images/preprocess.ts';
import type { ResizeFilter } from './images/preprocessing.ts';
import { unpackShaped } from './images/stored-picture.ts';
import { PackedPictures } from './packed-pictures.ts';
import type { PreprocessedRecord } from './pictures-record.ts';

/** What is read in place of a picture, of the same size. `filter` is that of the preprocessing. */
type Change = (image: Image, document: number, filter: ResizeFilter) => Image;

const unchanged: Change = (image) => image;

export class StoredPictures implements Disposable {
  readonly #about: PreprocessedRecord;
  readonly #packed: PackedPictures;
  readonly #write: WriteValues;

  constructor(folder: string, about: PreprocessedRecord, offsets: Buffer) {
    this.#about = about;
    this.#packed = new PackedPictures(folder, offsets);
    this.#write = valueWriter(about.preprocessing);
  }

  readonly valuesOf = (
    documents: readonly number[],
    change: Change = unchanged,
  ): NonNullable<HostSequence['values']> => {
    const { preprocessing, size } = this.#about;
    const filter = preprocessing.resize?.filter ?? 'Bilinear';
    const shape = [preprocessing.channels, size.height, size.width];
    const each = preprocessing.channels * size.height * size.width;
    const values = new Float32Array(documents.length * each);
    for (const [at, document] of documents.entries()) {
      const image = unpackShaped(this.#packed.of(document), preprocessing);
      this.#write(change(image, document, filter), values, at * each);
    }
    return { pixels: { values, shape } };
  };

  [Symbol.dispose](): void {
    this.#packed[Symbol.dispose]();
  }
}
