// A file in a record: its path, its bytes, or both, as in parquet files of the hub.
import { UnusableRecord } from '../files/unusable-record.ts';
import { type Fields, isFields } from './messages.ts';
import type { FileSource } from './sample.ts';

export function isFileValue(value: unknown): boolean {
  return typeof value === 'string' || isBytes(value) || (isFields(value) && 'bytes' in value);
}

/** `what` is for the message of a record without one. */
export function fileOf(value: unknown, what: string): FileSource {
  if (typeof value === 'string') return { type: 'Named', path: value };
  const { bytes, path } = isFields(value) && !isBytes(value) ? value : { bytes: value };
  if (isBytes(bytes)) return { type: 'Bytes', bytes };
  const named = textOf(path);
  if (typeof named === 'string') return { type: 'Named', path: named };
  throw new UnusableRecord(`has a ${what} with neither bytes nor a path`);
}

function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array;
}

/** Texts of a parquet file that does not say that they are texts. */
export function textOf(value: unknown): unknown {
  return isBytes(value) ? Buffer.from(value).toString('utf8') : value;
}

/** Bytes of the files that a record has in it. */
export function bytesOfFiles(record: unknown): number {
  const values = isFields(record) ? Object.values(record) : [];
  return values.reduce<number>((sum, value) => sum + bytesIn(value), 0);
}

function bytesIn(value: unknown): number {
  if (isBytes(value)) return value.length;
  return isFields(value) && isBytes(value['bytes']) ? value['bytes'].length : 0;
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
