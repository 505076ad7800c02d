// Resolves a source of pictures that are to be restored to their files on this disk.
import { UserError } from '../../crds/failures/errors.ts';
import { isPictureFile } from '../data/images/picture-files.ts';
import { resolverBy } from './resolve-source.ts';
import { selectPictures } from './select-pictures.ts';

export const resolveTargets = resolverBy((listing, source, field) => {
  const chosen = selectPictures(listing, source);
  const [other] =
    chosen.type === 'Records'
      ? chosen.records
      : chosen.files.filter(({ path }) => !isPictureFile(path));
  if (chosen.type === 'Files' && other === undefined) return chosen.files;
  throw new UserError({
    code: 'E_INVALID_DATA',
    path: field,
    message: `${listing.origin} has ${other?.path}; pictures to restore are read from folders of .png and .jpg files alone`,
    hint: 'name these with files, such as "**/*.png"',
  });
});
