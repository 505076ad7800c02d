// Pictures with a class as documents that are changed whenever one is read to be trained on. What
// is drawn is named by the seed and the sequence, so it is another in each epoch, and the same on
// any worker and after a resume.
import type { FineTuneJobSpec } from '../../crds/index.ts';
import { streamOf } from '../tensor/streams.ts';
import type { Documents } from './documents.ts';
import { augmented, type Changes } from './images/augment.ts';
import type { StoredPictures } from './stored-pictures.ts';
import type { TokenStore } from './token-store.ts';

/** The documents of a store of pictures as the job trains on them. */
export function augmentedDocuments(
  { dataset, training: { seed } }: Pick<FineTuneJobSpec, 'dataset' | 'training'>,
  store: TokenStore,
  pictures: StoredPictures,
): Documents {
  const { cropArea, flip } = dataset.augmentation ?? {};
  const changes: Changes = {
    ...(cropArea !== undefined && { cropArea: Number(cropArea) }),
    isMirrored: flip === 'Horizontal',
  };
  return {
    ...{ digest: store.digest, count: store.count, classOf: store.classOf },
    ...{ sampleOf: store.sampleOf, lengthOf: store.lengthOf, copyTo: store.copyTo },
    targetTokensOf: store.targetTokensOf,
    valuesOf: (members, key) =>
      pictures.valuesOf(members, (image, document, filter) => {
        const stream = streamOf(seed, 'augmentation', 'sequence', key, store.sampleOf(document));
        return augmented(image, changes, filter, stream);
      }),
  };
}
