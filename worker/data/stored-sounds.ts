// Reads the sounds of a store: as features, when a sequence is filled.
import type { HostSequence } from '../engine/packed-sequence.ts';
import { unpackSound } from './audio/stored-sound.ts';
import { PackedPictures } from './packed-pictures.ts';
import type { SoundsRecord } from './pictures-record.ts';

export class StoredSounds implements Disposable {
  readonly #about: SoundsRecord;
  readonly #packed: PackedPictures;

  constructor(folder: string, about: SoundsRecord, offsets: Buffer) {
    this.#about = about;
    this.#packed = new PackedPictures(folder, offsets);
  }

  readonly valuesOf = (documents: readonly number[]): NonNullable<HostSequence['values']> => {
    const { mels: filters, frames } = this.#about;
    const each = filters * frames;
    const values = new Float32Array(documents.length * each);
    for (const [at, document] of documents.entries()) {
      unpackSound(this.#packed.of(document), { filters, frames }, values, at * each);
    }
    return { mel: { values, shape: [filters, frames] } };
  };

  [Symbol.dispose](): void {
    this.#packed[Symbol.dispose]();
  }
}
