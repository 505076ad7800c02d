// What a written source is on this machine.
import { type Dirent, existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

export interface PlacesHere {
  readonly exists: (path: string) => boolean;
  /** Names of the folders in a folder that have pictures in them; none where it is no folder. */
  readonly pictureFolders: (path: string) => readonly string[];
}

/** With more, or longer ones, nobody reads the line. */
const mostFolders = 100;
const longestName = 60;
const picture = /\.(png|jpe?g)$/i;

export const placesHere: PlacesHere = {
  exists: existsSync,
  pictureFolders(path) {
    const names = entriesOf(path).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));
    if (names.length > mostFolders) return [];
    if (names.some(({ length }) => length > longestName)) return [];
    const hasPicture = (name: string): boolean =>
      entriesOf(join(path, name)).some((entry) => picture.test(entry.name));
    return names.filter(hasPicture).sort();
  },
};

function entriesOf(path: string): readonly Dirent[] {
  try {
    return readdirSync(path, { withFileTypes: true });
  } catch {
    // Not there, not a folder, or not for this user: the job itself will say which.
    return [];
  }
}
