// Resolves a source of sounds to files on this disk.
import { UserError } from '../../crds/failures/errors.ts';
import { isRecordFile } from '../data/records.ts';
import { soundShapes } from '../data/sound-shapes.ts';
import { locate } from './locate.ts';
import { type Kind, withNamed } from './named-files.ts';
import type { ResolveData } from './resolve-source.ts';
import { selectDataFiles } from './select-files.ts';

const sounds: Kind = {
  ...{ what: 'sound', about: 'Sounds', shapes: soundShapes },
  isFile: (path) => /\.wav$/i.test(path),
  sourceOf: (sample) => (sample.type === 'Audio' ? sample.sound : undefined),
};

export const resolveSounds: ResolveData = async (source, field, environment, signal) => {
  const located = await locate(source, { type: 'dataset', field }, environment, signal);
  const records = selectDataFiles(located.listing, source);
  const other = records.find(({ path }) => !isRecordFile(path) || /\.txt(\.|$)/i.test(path));
  if (other === undefined) {
    return withNamed(located, { records, of: sounds, field }, environment, signal);
  }
  throw new UserError({
    code: 'E_INVALID_DATA',
    path: field,
    message: `${located.listing.origin} has ${other.path}; sounds are read from records, JSON lines or parquet, that name WAV files or contain them`,
    hint: 'name these with files, such as "*.jsonl"',
  });
};
