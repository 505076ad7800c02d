// The documents of a store as a job reads them: what is drawn of pictures and clips follows from
// the job.
import type { FineTuneJobSpec } from '../../crds/index.ts';
import { augmentedDocuments } from './augmented-documents.ts';
import type { Documents } from './documents.ts';
import { documentsOf } from './restored-documents.ts';
import type { TokenStore } from './token-store.ts';
import { trackedDocuments } from './tracked-documents.ts';

/** `isHeldOut`: for evaluation. */
export function jobDocuments(
  spec: Pick<FineTuneJobSpec, 'dataset' | 'training'>,
  store: TokenStore,
  isHeldOut: boolean,
): Documents {
  const { clips, pictures } = store;
  if (clips !== undefined) return trackedDocuments(spec, store, clips, isHeldOut);
  // What is held out is as it is.
  if (pictures !== undefined && spec.dataset.augmentation !== undefined && !isHeldOut) {
    return augmentedDocuments(spec, store, pictures);
  }
  return documentsOf(spec, store, isHeldOut);
}
