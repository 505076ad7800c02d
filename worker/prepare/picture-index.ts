// The files of pictures of a data set by their paths. A record can name these alone, so no path
// leads out of the data set, whatever it says.
import { posix } from 'node:path';
import type { PictureSource } from '../data/sample.ts';
import { UnusableRecord } from '../files/unusable-record.ts';
import { isSafePath } from '../remote/source-files.ts';

/** By path, relative to the data set. */
export type PictureIndex = ReadonlyMap<
  string,
  { readonly absolute: string; readonly bytes: number }
>;

/** The path in the data set of what a record names; it is relative to the file of the record. */
export function pathInDataset(named: string, recordFile: string): string {
  const path = named.replace(/^(\.\/)+/, '');
  if (!isSafePath(path)) {
    throw new UnusableRecord(
      `names the picture ${shown(named)}; a picture is named by its path from the folder of the file of records, without ".."`,
    );
  }
  return posix.join(posix.dirname(recordFile), path);
}

/** Throws UnusableRecord for a picture that the data set does not have. */
export function lookedUp(
  picture: PictureSource,
  recordFile: string,
  index: PictureIndex,
  onBytes: (count: number) => void,
): PictureSource {
  if (picture.type !== 'Named') return picture;
  const path = pathInDataset(picture.path, recordFile);
  const found = index.get(path);
  if (found === undefined) {
    throw new UnusableRecord(
      `names the picture ${shown(picture.path)}, which the data set does not have as PNG or JPEG`,
    );
  }
  onBytes(found.bytes);
  return { type: 'File', path, absolute: found.absolute };
}

const pathCharacters = 200;

function shown(path: string): string {
  const whole = path.length <= pathCharacters;
  return JSON.stringify(whole ? path : `${path.slice(0, pathCharacters)}…`);
}
