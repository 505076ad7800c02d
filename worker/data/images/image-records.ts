// Lists labelled pictures: a folder of classes, a metadata.jsonl, or a pair of IDX files. The order
// and the class names follow from names alone, so every machine lists the same.
import { UserError } from '../../../crds/failures/errors.ts';
import { isSafePath } from '../../remote/source-files.ts';
import { isFields } from '../messages.ts';
import { isProblem, type Reading } from '../reading.ts';
import type { IdxImages } from './idx.ts';

interface ImageRecords {
  /** By label. */
  readonly classNames: readonly string[];
  readonly records: readonly ImageRecord[];
}

interface ImageRecord {
  readonly image: ImageReference;
  /** Place in `classNames`. */
  readonly label: number;
}

type ImageReference =
  /** Relative to the folder, with forward slashes. */
  | { readonly type: 'File'; readonly path: string }
  /** Of the IDX file. */
  | { readonly type: 'Idx'; readonly index: number };

const readEndings = /\.(png|jpe?g)$/i;
const otherEndings = /\.(gif|bmp|tiff?|webp|heic|avif|ppm|pgm)$/i;
/** Labels as numbers: the highest says how many classes there are. */
const maxClasses = 1_000_000;

/**
 * `CLASS/picture.png` or `.jpg`: classes and pictures in order of code units. Other files beside
 * them are no pictures; pictures in other formats are refused, not left out.
 *
 * @param paths of all files, relative to the folder, with forward slashes
 */
export function recordsOfClassFolders(paths: readonly string[], folder: string): ImageRecords {
  const other = paths.find((path) => otherEndings.test(path));
  if (other !== undefined) {
    throw invalid(folder, `has ${other}; pictures are read as PNG and JPEG`, 'convert it');
  }
  const pictures = paths.filter((path) => readEndings.test(path)).sort(byCodeUnits);
  const misplaced = pictures.find((path) => path.split('/').length !== 2);
  if (misplaced !== undefined) {
    throw invalid(
      folder,
      `has ${misplaced}; each picture lies in the folder of its class, CLASS/picture.png`,
      'name the folder that has the folders of classes, or write a metadata.jsonl',
    );
  }
  if (pictures.length === 0) throw empty(folder);
  const classOf = (path: string): string => path.slice(0, path.indexOf('/'));
  const classNames = [...new Set(pictures.map(classOf))].sort(byCodeUnits);
  const labels = new Map(classNames.map((name, label) => [name, label]));
  const records = pictures.map((path) => ({
    image: { type: 'File', path } as const,
    label: labels.get(classOf(path)) ?? 0,
  }));
  return { classNames, records };
}

/**
 * Lines `{"file_name": "a.png", "label": "cat"}` or with whole numbers as labels, in order of their
 * file names. Names of classes are the labels in order of code units, or the numbers from 0 to the
 * highest.
 *
 * @param paths of all files, relative to the folder of the metadata, with forward slashes
 */
export async function recordsOfMetadata(
  readings: AsyncIterable<Reading> | Iterable<Reading>,
  paths: readonly string[],
  file: string,
): Promise<ImageRecords> {
  const present = new Set(paths);
  const labels = new Map<string, string | number>();
  for await (const reading of readings) {
    const where = `${file}:${reading.line}`;
    if (isProblem(reading)) throw invalid(where, reading.problem, 'repair or remove the line');
    const { name, label } = entryOf(reading.value, where);
    if (!present.has(name)) {
      throw invalid(
        where,
        `has file_name ${name}, which is not there`,
        'add it or remove the line',
      );
    }
    if (labels.has(name)) {
      throw invalid(where, `has file_name ${name} a second time`, 'remove one of the lines');
    }
    labels.set(name, label);
  }
  if (labels.size === 0) throw empty(file);
  const classNames = classNamesOf([...labels.values()], file);
  const places = new Map(classNames.map((name, place) => [name, place]));
  const records = [...labels]
    .sort(([one], [other]) => byCodeUnits(one, other))
    .map(([path, label]) => ({
      image: { type: 'File', path } as const,
      label: places.get(String(label)) ?? 0,
    }));
  return { classNames, records };
}

/**
 * One record a picture, in the order of the file. Without names, classes are called by their
 * numbers from 0 to the highest label.
 */
export function recordsOfIdx(
  images: Pick<IdxImages, 'count'>,
  labels: Uint8Array,
  file: string,
  names?: readonly string[],
): ImageRecords {
  if (images.count !== labels.length) {
    throw invalid(
      file,
      `has ${labels.length} labels for ${images.count} pictures; each needs one`,
      'name the two files of one part of the data',
    );
  }
  if (labels.length === 0) throw empty(file);
  const highest = labels.reduce((most, label) => Math.max(most, label), 0);
  if (names !== undefined && highest >= names.length) {
    throw invalid(
      file,
      `has the label ${highest}, and there are ${names.length} class names; each label needs one`,
      'name all classes',
    );
  }
  const records = Array.from(labels, (label, index) => ({
    image: { type: 'Idx', index } as const,
    label,
  }));
  return { classNames: names ?? numbers(highest), records };
}

function entryOf(value: unknown, where: string) {
  const fields = isFields(value) ? value : {};
  const name = fields['file_name'];
  if (typeof name !== 'string' || !isSafePath(name) || !readEndings.test(name)) {
    throw invalid(
      where,
      `has file_name ${shown(name)}; it must be the path of a PNG or JPEG in the folder`,
      'write {"file_name": "pictures/a.png", "label": "cat"}',
    );
  }
  const label = fields['label'];
  const isNumber = Number.isSafeInteger(label) && (label as number) >= 0;
  if (isNumber && (label as number) < maxClasses) return { name, label: label as number };
  if (typeof label === 'string' && label !== '') return { name, label };
  throw invalid(
    where,
    `has label ${shown(label)}; it must be a text or a whole number from 0 to ${maxClasses - 1}`,
    'write {"file_name": "pictures/a.png", "label": "cat"}',
  );
}

function classNamesOf(labels: readonly (string | number)[], file: string): readonly string[] {
  const texts = labels.filter((label) => typeof label === 'string');
  if (texts.length === labels.length) return [...new Set(texts)].sort(byCodeUnits);
  if (texts.length > 0) {
    throw invalid(file, 'has labels that are texts and others that are numbers', 'use one of both');
  }
  return numbers(labels.reduce<number>((most, label) => Math.max(most, Number(label)), 0));
}

function numbers(highest: number): readonly string[] {
  return Array.from({ length: highest + 1 }, (_, label) => String(label));
}

function byCodeUnits(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

function shown(value: unknown): string {
  return value === undefined ? 'missing' : JSON.stringify(value).slice(0, 80);
}

function empty(where: string): UserError {
  return invalid(where, 'has no labelled picture; at least one is needed', 'add PNG or JPEG files');
}

function invalid(where: string, message: string, hint: string): UserError {
  const path = where;
  return new UserError({ code: 'E_INVALID_DATA', path, message: `${where} ${message}`, hint });
}
