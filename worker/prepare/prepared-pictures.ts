// Whether prepared pictures are those that a model reads: its preprocessor config may have changed
// since, in a folder that nothing pins.
import { UserError } from '../../crds/failures/errors.ts';
import { digestOf } from '../../crds/plan/digest.ts';
import { preprocessorFile } from '../data/images/preprocessor-config.ts';
import { readManifest } from '../data/token-store.ts';
import type { ModelOnDisk } from '../decoder/model-headers.ts';
import { clipRulesIn } from './clip-rules.ts';
import { pictureRulesIn } from './picture-rules.ts';

/** Throws for pictures that were prepared for another config; texts have none. */
export async function requirePreparedFor(
  { folder, config }: Pick<ModelOnDisk, 'folder' | 'config'>,
  store: string,
): Promise<void> {
  const pictures = (await readManifest(store))?.pictures ?? null;
  // What is cut out of pictures that are to be restored follows from the job, which stays, as does
  // the window of sounds.
  if (pictures === null || 'crop' in pictures || 'mels' in pictures) return;
  if ('patch' in pictures) {
    const { contents: _, ...before } = pictures;
    const { warning: __, ...now } = await clipRulesIn({ folder, config });
    if (digestOf(now) === digestOf(before)) return;
    throw otherRules(store, folder);
  }
  const { preprocessing, size } = await pictureRulesIn(folder, config);
  const { preprocessing: before, size: sizeBefore } = pictures;
  const isSame =
    digestOf({ preprocessing, size }) === digestOf({ preprocessing: before, size: sizeBefore });
  if (isSame) return;
  throw otherRules(store, folder);
}

function otherRules(store: string, folder: string): UserError {
  return new UserError({
    code: 'E_INVALID_MODEL',
    path: folder,
    message: `the pictures in ${store} were prepared for another ${preprocessorFile} than that of ${folder}`,
    hint: 'prepare them again',
  });
}
