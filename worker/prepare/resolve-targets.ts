// Resolves a source of pictures that are to be restored to their files on this disk.
import type { DataSource } from '../../crds/api/dataset.ts';
import { UserError } from '../../crds/failures/errors.ts';
import { isPictureFile } from '../data/images/picture-files.ts';
import type { SourceEnvironment } from '../remote/source-environment.ts';
import { locate } from './locate.ts';
import { materialize, type ResolvedSource } from './resolve-source.ts';
import { selectPictures } from './select-pictures.ts';

/** `field` is spec.dataset.train or spec.dataset.eval. */
export async function resolveTargets(
  source: DataSource,
  field: string,
  environment: SourceEnvironment,
  signal: AbortSignal,
): Promise<ResolvedSource> {
  const located = await locate(source, { type: 'dataset', field }, environment, signal);
  const chosen = selectPictures(located.listing, source);
  const [other] =
    chosen.type === 'Records'
      ? chosen.records
      : chosen.files.filter(({ path }) => !isPictureFile(path));
  if (chosen.type === 'Files' && other === undefined) {
    return materialize(located, chosen.files, environment, signal);
  }
  throw new UserError({
    code: 'E_INVALID_DATA',
    path: field,
    message: `${located.listing.origin} has ${other?.path}; pictures to restore are read from folders of .png and .jpg files alone`,
    hint: 'name these with files, such as "**/*.png"',
  });
}
