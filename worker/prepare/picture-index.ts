// The files of pictures or sounds of a data set by their paths. A record can name these alone, so
// no path leads out of the data set, whatever it says.
import { posix } from 'node:path';
import type { PictureSource } from '../data/sample.ts';
import { UnusableRecord } from '../files/unusable-record.ts';
import { isSafePath } from '../remote/source-files.ts';

/** By path, relative to the data set. */
export type NamedFiles = ReadonlyMap<string, { readonly absolute: string; readonly bytes: number }>;

export type Named = keyof typeof formats;
const formats = { picture: 'PNG or JPEG', sound: 'WAV' } as const;

/** The path in the data set of what a record names; it is relative to the file of the record. */
export function pathInDataset(named: string, recordFile: string, what: Named): string {
  const path = named.replace(/^(\.\/)+/, '');
  if (!isSafePath(path)) {
    throw new UnusableRecord(
      `names the ${what} ${shown(named)}; a ${what} is named by its path from the folder of the file of records, without ".."`,
    );
  }
  return posix.join(posix.dirname(recordFile), path);
}

interface LookUp {
  readonly recordFile: string;
  readonly named: NamedFiles;
  readonly onBytes: (count: number) => void;
}

/** Throws UnusableRecord for a file that the data set does not have. */
export function lookedUp<Source extends PictureSource>(
  source: Source,
  what: Named,
  { recordFile, named, onBytes }: LookUp,
): Source | Extract<PictureSource, { type: 'File' }> {
  if (source.type !== 'Named') return source;
  const path = pathInDataset(source.path, recordFile, what);
  const found = named.get(path);
  if (found === undefined) {
    throw new UnusableRecord(
      `names the ${what} ${shown(source.path)}, which the data set does not have as ${formats[what]}`,
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
