// Pictures that are decoded together, between two messages to a thread.
import type { Batch, BatchItem } from './tokenise-batch.ts';

export const batchPictures = 16;
/** Of files that came in records. */
export const batchPictureBytes: number = 32 * 2 ** 20;

/**
 * A picture has the time of a text of so many characters: half a minute, and a batch a minute more.
 * The largest that is read takes some seconds.
 */
export const pictureCharacters = 600_000;

/** Batches of one file. */
export function* inPictureBatches(pictures: Iterable<BatchItem>, file: number): Generator<Batch> {
  let items: BatchItem[] = [];
  const take = (): Batch => {
    const batch = { file, items, characters: items.length * pictureCharacters };
    items = [];
    return batch;
  };
  for (const picture of pictures) {
    items.push(picture);
    if (items.length === batchPictures) yield take();
  }
  if (items.length > 0) yield take();
}
