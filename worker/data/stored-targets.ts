// Reads the pictures of a store that are to be restored.
import type { Image } from './images/image.ts';
import { unpackTarget } from './images/stored-target.ts';
import { PackedPictures } from './packed-pictures.ts';
import type { TargetsRecord } from './pictures-record.ts';

export class StoredTargets implements Disposable {
  readonly about: TargetsRecord;
  readonly #packed: PackedPictures;

  constructor(folder: string, about: TargetsRecord, offsets: Buffer) {
    this.about = about;
    this.#packed = new PackedPictures(folder, offsets);
  }

  /** Until the next one is read. */
  pictureOf(document: number): Image {
    return unpackTarget(this.#packed.of(document));
  }

  [Symbol.dispose](): void {
    this.#packed[Symbol.dispose]();
  }
}
