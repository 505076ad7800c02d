// Reads the clips of a store, frame by frame.
import type { Image } from './images/image.ts';
import { PackedPictures } from './packed-pictures.ts';
import type { ClipsRecord } from './pictures-record.ts';
import { type ClipHead, readClipHead, readFrame } from './tracked/stored-clip.ts';

export class StoredClips implements Disposable {
  readonly about: ClipsRecord;
  readonly #packed: PackedPictures;
  /** Boxes are read at each drawing, and take little. */
  readonly #heads = new Map<number, ClipHead>();

  constructor(folder: string, about: ClipsRecord, offsets: Buffer) {
    this.about = about;
    this.#packed = new PackedPictures(folder, offsets);
  }

  headOf(document: number): ClipHead {
    const known = this.#heads.get(document);
    if (known !== undefined) return known;
    const head = readClipHead(this.#reader(document));
    this.#heads.set(document, head);
    return head;
  }

  /** Until the next one is read. */
  frameOf(document: number, frame: number): Image {
    return readFrame(this.headOf(document), frame, this.#reader(document));
  }

  [Symbol.dispose](): void {
    this.#packed[Symbol.dispose]();
  }

  #reader(document: number) {
    return (from: number, length: number) => this.#packed.part(document, from, length);
  }
}
