// Files that records name: of a source with records, these are fetched first, and then the files
// that they name, and no others.
import { UserError } from '../../crds/failures/errors.ts';
import type { About, Shape } from '../data/formats.ts';
import { isFields } from '../data/messages.ts';
import { isProblem } from '../data/reading.ts';
import { readRecords } from '../data/records.ts';
import type { FileSource, Sample } from '../data/sample.ts';
import { UnusableRecord } from '../files/unusable-record.ts';
import type { SourceEnvironment } from '../remote/source-environment.ts';
import type { SourceFile } from '../remote/source-files.ts';
import { localFile } from './local.ts';
import type { LocatedSource } from './locate.ts';
import { type Named, pathInDataset } from './picture-index.ts';
import { materialize, type ResolvedSource } from './resolve-source.ts';

/** Three times as many pictures as ImageNet has. */
const mostFiles = 4_000_000;

/** What records are about, and how they name it. */
export interface Kind {
  readonly what: Named;
  readonly about: About;
  readonly shapes: readonly Shape[];
  readonly isFile: (path: string) => boolean;
  readonly sourceOf: (sample: Sample) => FileSource | { readonly type: 'Pixels' } | undefined;
}

interface Records {
  readonly records: readonly SourceFile[];
  readonly of: Kind;
  readonly field: string;
}

/** The records of a source, and the files that they name. */
export async function withNamed(
  located: LocatedSource,
  { records, of, field }: Records,
  environment: SourceEnvironment,
  signal: AbortSignal,
): Promise<ResolvedSource> {
  const first = await materialize(located, records, environment, signal);
  const paths = await namedBy(first.files, of, field, signal);
  if (paths.size === 0) return first;
  const named = await filesOf(paths, located);
  return materialize(located, [...records, ...named], environment, signal);
}

/** Paths of files in the data set; a record that names none that could be there is left out. */
async function namedBy(
  records: ResolvedSource['files'],
  kind: Kind,
  field: string,
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  const paths = new Set<string>();
  for (const { path: file, absolute } of records) {
    for await (const reading of readRecords(absolute, () => undefined, signal, kind.about)) {
      if (isProblem(reading)) continue;
      const path = pathIn(reading.value, kind, file);
      // Files of the hub have all files in their records, or none.
      if (path === null) break;
      if (path !== undefined && kind.isFile(path)) paths.add(path);
      if (paths.size > mostFiles) throw tooMany(file, kind, field);
    }
  }
  return paths;
}

/** Null for a record with the bytes of its file; undefined where it is unusable. */
function pathIn(
  record: unknown,
  { what, shapes, sourceOf }: Kind,
  file: string,
): string | null | undefined {
  const shape = isFields(record) && shapes.find(({ claims }) => claims(record));
  if (!shape || !isFields(record)) return undefined;
  try {
    const source = sourceOf(shape.convert(record, false));
    if (source === undefined) return undefined;
    return source.type === 'Named' ? pathInDataset(source.path, file, what) : null;
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

function tooMany(file: string, { what }: Kind, field: string): UserError {
  return new UserError({
    code: 'E_INVALID_DATA',
    path: field,
    message: `${file} names more than ${mostFiles} ${what}s; at most so many are read`,
    hint: `put ${what}s into the records, as parquet files have them`,
  });
}
