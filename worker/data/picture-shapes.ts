// Records of pictures with a class: a picture is named by its path, as in JSON lines and metadata
// of the hub, or its file is in the record, as in parquet files of the hub.

import { UnusableRecord } from '../files/unusable-record.ts';
import { toLabel } from './class-labels.ts';
import type { Shape } from './formats.ts';
import { type Fields, isFields } from './messages.ts';
import type { PictureSource } from './sample.ts';

/** Names of the field that has the picture. */
const pictureKeys = ['image', 'img', 'file_name'] as const;

export const pictureShapes: readonly Shape[] = pictureKeys.map((key) => ({
  name: `${key} with a class`,
  formats: ['ImageClassification'],
  keys: [key, 'label'],
  claims: (record) => isPicture(record[key]) && record['label'] !== undefined,
  convert: (record) => ({
    type: 'ImageClassification',
    picture: pictureOf(record[key]),
    label: toLabel(textOf(record['label'])),
  }),
}));

function isPicture(value: unknown): boolean {
  return typeof value === 'string' || isBytes(value) || (isFields(value) && 'bytes' in value);
}

function pictureOf(value: unknown): PictureSource {
  if (typeof value === 'string') return { type: 'Named', path: value };
  const { bytes, path } = isFields(value) && !isBytes(value) ? value : { bytes: value };
  if (isBytes(bytes)) return { type: 'Bytes', bytes };
  const named = textOf(path);
  if (typeof named === 'string') return { type: 'Named', path: named };
  throw new UnusableRecord('has a picture with neither bytes nor a path');
}

function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array;
}

/** Texts of a parquet file that does not say that they are texts. */
function textOf(value: unknown): unknown {
  return isBytes(value) ? Buffer.from(value).toString('utf8') : value;
}

/** Bytes of the picture that a record has in it. */
export function bytesOfPicture(record: unknown): number {
  const parts = isFields(record) ? pictureKeys.map((key) => record[key]) : [];
  return parts.reduce<number>((sum, part) => sum + lengthOf(part), 0);
}

function lengthOf(part: unknown): number {
  if (isBytes(part)) return part.length;
  return isFields(part) && isBytes(part['bytes']) ? part['bytes'].length : 0;
}

/** Bytes that are a view of a whole row group would take it along to another thread; copies. */
export function withOwnBytes(record: Fields): Fields {
  const own = (value: unknown): unknown => {
    if (isBytes(value)) return new Uint8Array(value);
    return isFields(value) && isBytes(value['bytes'])
      ? { ...value, bytes: new Uint8Array(value['bytes']) }
      : value;
  };
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, own(value)]));
}
