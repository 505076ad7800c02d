// Resolves a source of pictures to files on this disk: of a source with records, these first, and
// then the pictures that they name, and no others.
import { UserError } from '../../crds/failures/errors.ts';
import { isPictureFile } from '../data/images/picture-files.ts';
import { isFields } from '../data/messages.ts';
import { pictureShapes } from '../data/picture-shapes.ts';
import { isProblem } from '../data/reading.ts';
import { readRecords } from '../data/records.ts';
import { UnusableRecord } from '../files/unusable-record.ts';
import type { SourceFile } from '../remote/source-files.ts';
import { localFile } from './local.ts';
import { type LocatedSource, locate } from './locate.ts';
import { pathInDataset } from './picture-index.ts';
import { materialize, type ResolveData, type ResolvedSource } from './resolve-source.ts';
import { selectPictures } from './select-pictures.ts';

/** Three times as many as ImageNet has. */
const mostPictures = 4_000_000;

export const resolvePictures: ResolveData = async (source, field, environment, signal) => {
  const located = await locate(source, { type: 'dataset', field }, environment, signal);
  const chosen = selectPictures(located.listing, source);
  if (chosen.type === 'Files') return materialize(located, chosen.files, environment, signal);
  const { records } = chosen;
  const first = await materialize(located, records, environment, signal);
  const paths = await namedBy(first.files, field, signal);
  if (paths.size === 0) return first;
  const pictures = await filesOf(paths, located);
  return materialize(located, [...records, ...pictures], environment, signal);
};

/** Paths of pictures in the data set; a record that names none that could be there is left out. */
async function namedBy(
  records: ResolvedSource['files'],
  field: string,
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  const paths = new Set<string>();
  for (const { path: file, absolute } of records) {
    for await (const reading of readRecords(absolute, () => undefined, signal, 'Pictures')) {
      if (isProblem(reading)) continue;
      const path = pathIn(reading.value, file);
      // Files of the hub have all pictures in their records, or none.
      if (path === null) break;
      if (path !== undefined && isPictureFile(path)) paths.add(path);
      if (paths.size > mostPictures) throw tooMany(file, field);
    }
  }
  return paths;
}

/** Null for a record with the bytes of its picture; undefined where it is unusable. */
function pathIn(record: unknown, file: string): string | null | undefined {
  const shape = isFields(record) && pictureShapes.find(({ claims }) => claims(record));
  if (!shape || !isFields(record)) return undefined;
  try {
    const sample = shape.convert(record, false);
    if (sample.type !== 'ImageClassification') return undefined;
    const { picture } = sample;
    return picture.type === 'Named' ? pathInDataset(picture.path, file) : null;
  } catch (error) {
    if (error instanceof UnusableRecord) return undefined;
    throw error;
  }
}

/** Those that are there. A local folder is asked for each, since a source may be a single file. */
async function filesOf(
  paths: ReadonlySet<string>,
  { listing, files }: LocatedSource,
): Promise<readonly SourceFile[]> {
  if (files.type === 'Remote') return listing.files.filter(({ path }) => paths.has(path));
  const found: SourceFile[] = [];
  for (const path of paths) {
    const file = await localFile(files.root, path).catch(() => undefined);
    if (file !== undefined) found.push(file);
  }
  return found;
}

function tooMany(file: string, field: string): UserError {
  return new UserError({
    code: 'E_INVALID_DATA',
    path: field,
    message: `${file} names more than ${mostPictures} pictures; at most so many are read`,
    hint: 'put pictures into the records, as parquet files have them',
  });
}
