// Reads the parts of a GGUF header: counts, strings and typed values, each checked against the
// remaining bytes before anything is allocated for it.
import { UserError } from '../../crds/failures/errors.ts';
import { GgufValueType } from './gguf-types.ts';

type GgufScalar = number | bigint | boolean | string;

export interface GgufValue {
  readonly type: GgufValueType;
  /** For an array: the type of its elements. */
  readonly elementType?: GgufValueType;
  /**
   * 64-bit integers beyond 2^53 are bigints. A list is decoded at each access, since most readers
   * use little of a vocabulary.
   */
  readonly value: GgufScalar | readonly GgufScalar[];
  /** The bytes of the value after its type, so that a copy is exact. */
  readonly raw: Uint8Array;
}

/** The header continues beyond the given bytes; the caller reads more. */
export class HeaderGoesOn extends Error {}

/** The longest tokens have a few hundred bytes, templates some ten thousand. */
const maxStringBytes = 16 * 2 ** 20;
/** The longest lists are merges of a vocabulary: 580,000 for one of 262,144 tokens. */
const maxElements = 4_000_000;
/** A vocabulary of 262,144 tokens takes 8 MB, one of a million about 40 MB. */
export const maxGgufHeaderBytes: number = 64 * 2 ** 20;

export interface Cursor {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** The same bytes, for decoding: a vocabulary is a quarter of a million short strings. */
  readonly text: Buffer;
  readonly fileSize: number;
  readonly path: string;
  at: number;
  /** Elements of all lists so far. */
  elements: number;
}

/** Advances by `length` bytes and returns their start; all reads go through here. */
export function take(cursor: Cursor, length: number, what: string): number {
  const { at, fileSize, bytes, path } = cursor;
  if (length > fileSize - at) {
    const named = shown(what).slice(1, -1);
    throw invalid(path, `${named} at byte ${at} takes ${length} bytes; ${fileSize - at} are left`);
  }
  if (at + length > maxGgufHeaderBytes) {
    throw invalid(path, `its header has more than ${maxGgufHeaderBytes} bytes; no more are read`);
  }
  if (length > bytes.length - at) throw new HeaderGoesOn();
  cursor.at = at + length;
  return at;
}

/** A count of items of at least `minBytes` each, so that it cannot exceed the file. */
export function readCount(cursor: Cursor, max: number, what: string, minBytes: number): number {
  const count = cursor.view.getBigUint64(take(cursor, 8, `the number of ${what}`), true);
  const left = cursor.fileSize - cursor.at;
  if (count > BigInt(max) || Number(count) * minBytes > left) {
    throw invalid(
      cursor.path,
      `it has ${count} ${what} by its header; ${left} bytes cannot hold them`,
    );
  }
  return Number(count);
}

export function readString(cursor: Cursor, max: number, what: string): string {
  const at = take(cursor, readLength(cursor, max, what), what);
  return cursor.text.toString('utf8', at, cursor.at);
}

function readLength(cursor: Cursor, max: number, what: string): number {
  const { view } = cursor;
  const field = take(cursor, 8, what);
  // Two halves instead of a bigint: this is called for every token.
  const length = view.getUint32(field, true) + 2 ** 32 * view.getUint32(field + 4, true);
  if (length > max) {
    throw invalid(
      cursor.path,
      `${shown(what).slice(1, -1)} has ${length} bytes; at most ${max} are read`,
    );
  }
  return length;
}

export function readValue(cursor: Cursor, key: string): GgufValue {
  const type = readType(cursor, key);
  const start = cursor.at;
  if (type !== GgufValueType.Array) {
    const value = readScalar(cursor, type, key);
    return { type, value, raw: cursor.bytes.subarray(start, cursor.at) };
  }
  const elementType = readType(cursor, key);
  if (elementType === GgufValueType.Array) {
    throw invalid(cursor.path, `${shown(key)} is a list of lists, which no key has`);
  }
  const count = readCount(
    cursor,
    maxElements,
    `elements of ${shown(key)}`,
    scalarBytes[elementType],
  );
  cursor.elements += count;
  if (cursor.elements > maxElements) {
    throw invalid(
      cursor.path,
      `its lists have more than ${maxElements} elements, up to ${shown(key)}`,
    );
  }
  const first = cursor.at;
  passElements(cursor, elementType, count, key);
  const raw = cursor.bytes.subarray(start, cursor.at);
  return {
    ...{ type, elementType, raw },
    get value() {
      return elementsAt({ ...cursor, at: first }, elementType, count, key);
    },
  };
}

function passElements(cursor: Cursor, type: GgufValueType, count: number, key: string): void {
  if (type !== GgufValueType.String) {
    take(cursor, count * scalarBytes[type], key);
    return;
  }
  for (let i = 0; i < count; i += 1) take(cursor, readLength(cursor, maxStringBytes, key), key);
}

function elementsAt(
  cursor: Cursor,
  type: GgufValueType,
  count: number,
  key: string,
): readonly GgufScalar[] {
  return Array.from({ length: count }, () => readScalar(cursor, type, key));
}

function readType(cursor: Cursor, key: string): GgufValueType {
  const code = cursor.view.getUint32(take(cursor, 4, `the type of ${shown(key)}`), true);
  if (isValueType(code)) return code;
  throw invalid(cursor.path, `${shown(key)} has the type ${code}; types are 0 to 12`);
}

function isValueType(code: number): code is GgufValueType {
  return code <= GgufValueType.Float64;
}

/** Minimum bytes of one value, by type. */
const scalarBytes: Readonly<Record<GgufValueType, number>> = {
  [GgufValueType.Uint8]: 1,
  [GgufValueType.Int8]: 1,
  [GgufValueType.Uint16]: 2,
  [GgufValueType.Int16]: 2,
  [GgufValueType.Uint32]: 4,
  [GgufValueType.Int32]: 4,
  [GgufValueType.Float32]: 4,
  [GgufValueType.Bool]: 1,
  [GgufValueType.String]: 8,
  [GgufValueType.Array]: 12,
  [GgufValueType.Uint64]: 8,
  [GgufValueType.Int64]: 8,
  [GgufValueType.Float64]: 8,
};

function readScalar(cursor: Cursor, type: GgufValueType, key: string): GgufScalar {
  if (type === GgufValueType.String) return readString(cursor, maxStringBytes, key);
  const at = take(cursor, scalarBytes[type], key);
  const { view } = cursor;
  switch (type) {
    case GgufValueType.Uint8:
      return view.getUint8(at);
    case GgufValueType.Int8:
      return view.getInt8(at);
    case GgufValueType.Uint16:
      return view.getUint16(at, true);
    case GgufValueType.Int16:
      return view.getInt16(at, true);
    case GgufValueType.Uint32:
      return view.getUint32(at, true);
    case GgufValueType.Int32:
      return view.getInt32(at, true);
    case GgufValueType.Float32:
      return view.getFloat32(at, true);
    case GgufValueType.Bool:
      return view.getUint8(at) !== 0;
    case GgufValueType.Uint64:
      return narrow(view.getBigUint64(at, true));
    case GgufValueType.Int64:
      return narrow(view.getBigInt64(at, true));
    case GgufValueType.Float64:
      return view.getFloat64(at, true);
    case GgufValueType.Array:
      throw invalid(cursor.path, `${shown(key)} is a list inside a list`);
  }
}

function narrow(value: bigint): number | bigint {
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

export function shown(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
}

export function invalid(path: string, message: string): UserError {
  return new UserError({ code: 'E_INVALID_MODEL', path, message: `${path}: ${message}` });
}
