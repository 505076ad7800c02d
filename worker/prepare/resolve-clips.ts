// Resolves a source of clips of objects to their files on this disk.
import { UserError } from '../../crds/failures/errors.ts';
import { clipsIn } from '../data/tracked/clip-files.ts';
import { resolverBy } from './resolve-source.ts';
import { candidatesOf } from './select-pictures.ts';

export const resolveClips = resolverBy((listing, source, field) => {
  const clips = clipsIn(candidatesOf(listing, source));
  const [empty] = clips.filter(({ frames }) => frames.length === 0);
  if (clips.length > 0 && empty === undefined) {
    return clips.flatMap(({ boxes, frames }) => [boxes, ...frames]);
  }
  const found =
    empty === undefined
      ? 'has no groundtruth.txt'
      : `has ${empty.boxes.path}, but no .png or .jpg file beside it or in img`;
  throw new UserError({
    code: 'E_SOURCE_NOT_FOUND',
    path: field,
    message: `${listing.origin} ${found}; a clip is a folder of frames with groundtruth.txt, a line of left, top, width and height for each`,
    hint: 'name the folder that has the folders of all clips',
  });
});
