// The pictures or sounds of a store's documents: packed one after the other in one file, and in
// another where each begins, as u64, and where the last one ends.
import { join } from 'node:path';
import { Bug } from '../../crds/failures/errors.ts';
import { HashedFile } from './hashed-file.ts';
import {
  type ClipsRecord,
  type PreprocessedRecord,
  pictureFiles,
  type SoundsRecord,
  type TargetsRecord,
} from './pictures-record.ts';

type Recorded = PreprocessedRecord | TargetsRecord | SoundsRecord | ClipsRecord;
type Without<R> = R extends unknown ? Omit<R, 'contents'> : never;
type About = Without<Recorded>;

export class PicturesWriter implements AsyncDisposable {
  readonly #about: About;
  readonly #pictures: HashedFile;
  readonly #offsets: HashedFile;
  #bytes = 0n;

  static async create(folder: string, about: About): Promise<PicturesWriter> {
    const pictures = await HashedFile.create(join(folder, pictureFiles.pictures));
    const offsets = await HashedFile.create(join(folder, pictureFiles.offsets));
    return new PicturesWriter(about, pictures, offsets);
  }

  private constructor(about: About, pictures: HashedFile, offsets: HashedFile) {
    this.#about = about;
    this.#pictures = pictures;
    this.#offsets = offsets;
  }

  async append(packed: Uint8Array | undefined): Promise<void> {
    if (packed === undefined) throw new Bug('a document without a picture or sound among others');
    await this.#offset();
    await this.#pictures.write(packed);
    this.#bytes += BigInt(packed.length);
  }

  async finish(): Promise<Recorded> {
    await this.#offset();
    const pictures = await this.#pictures.finish();
    const contents = { pictures, offsets: await this.#offsets.finish() };
    return { ...this.#about, contents };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pictures.close();
    await this.#offsets.close();
  }

  async #offset(): Promise<void> {
    const entry = Buffer.alloc(8);
    entry.writeBigUInt64LE(this.#bytes);
    await this.#offsets.write(entry);
  }
}
