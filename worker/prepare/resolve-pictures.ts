// Resolves a source of pictures to files on this disk.
import { isPictureFile } from '../data/images/picture-files.ts';
import { pictureShapes } from '../data/picture-shapes.ts';
import { locate } from './locate.ts';
import { type Kind, withNamed } from './named-files.ts';
import { materialize, type ResolveData } from './resolve-source.ts';
import { selectPictures } from './select-pictures.ts';

const pictures: Kind = {
  ...{ what: 'picture', about: 'Pictures', shapes: pictureShapes, isFile: isPictureFile },
  sourceOf: (sample) => (sample.type === 'ImageClassification' ? sample.picture : undefined),
};

export const resolvePictures: ResolveData = async (source, field, environment, signal) => {
  const located = await locate(source, { type: 'dataset', field }, environment, signal);
  const chosen = selectPictures(located.listing, source);
  if (chosen.type === 'Files') return materialize(located, chosen.files, environment, signal);
  return withNamed(located, { records: chosen.records, of: pictures, field }, environment, signal);
};
