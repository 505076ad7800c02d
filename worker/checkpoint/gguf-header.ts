// The header of a GGUF file, from bytes that nobody vouches for. Pure and total: any bytes give a header or a
// UserError. Every count is checked against the bytes that are left before anything of its size is made.
import { UserError } from '../../crds/errors.ts';
import {
  defaultAlignment,
  type GgufTensorType,
  type GgufTypeName,
  GgufValueType,
  ggufTensorTypes,
  otherGgufTypes,
} from './gguf-types.ts';

export type GgufScalar = number | bigint | boolean | string;

export interface GgufValue {
  readonly type: GgufValueType;
  /** Of an array: the type of its elements. */
  readonly elementType?: GgufValueType;
  /** 64-bit integers beyond 2^53 are bigints. */
  readonly value: GgufScalar | readonly GgufScalar[];
  /** The value as it stands in the file, behind its type: what a copy writes again, bit for bit. */
  readonly raw: Uint8Array;
}

export interface GgufTensorInfo {
  readonly type: GgufTensorType & { readonly name: GgufTypeName };
  /** As in torch, slowest dimension first: the file has it the other way round. */
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

export interface GgufHeader {
  readonly version: number;
  readonly alignment: number;
  readonly metadata: ReadonlyMap<string, GgufValue>;
  readonly tensors: ReadonlyMap<string, GgufTensorInfo>;
  readonly dataStart: number;
}

/** The bytes are the beginning of a longer file and end inside its header. Internal to the reader. */
export class HeaderGoesOn extends Error {}

const maxPairs = 65_536;
const maxTensors = 1_048_576;
const maxNameBytes = 65_535;
/** Longest tokens are a few hundred bytes, templates some ten thousand. */
const maxStringBytes = 64 * 2 ** 20;
const maxRank = 4;

/** `bytes` may be the beginning of the file; HeaderGoesOn is thrown when the header is longer. */
export function parseGguf(
  bytes: Uint8Array,
  fileSize = bytes.length,
  path = 'the GGUF file',
): GgufHeader {
  const cursor: Cursor = {
    ...{ bytes, fileSize, path, at: 0 },
    view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    text: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
  };
  const version = parseMagic(cursor);
  const tensorCount = readCount(cursor, maxTensors, 'tensors', 24);
  const pairCount = readCount(cursor, maxPairs, 'metadata pairs', 13);
  const metadata = new Map<string, GgufValue>();
  for (let i = 0; i < pairCount; i += 1) {
    const key = readString(cursor, maxNameBytes, 'a key');
    if (metadata.has(key)) throw invalid(path, `the key ${shown(key)} occurs twice`);
    metadata.set(key, readValue(cursor, key));
  }
  const alignment = alignmentOf(metadata, path);
  const infos = new Map<string, RelativeInfo>();
  for (let i = 0; i < tensorCount; i += 1) {
    const name = readString(cursor, maxNameBytes, 'a tensor name');
    if (infos.has(name)) throw invalid(path, `the tensor ${shown(name)} occurs twice`);
    infos.set(name, readInfo(cursor, name));
  }
  const dataStart = Math.ceil(cursor.at / alignment) * alignment;
  const tensors = placeTensors(infos, { dataStart, alignment, fileSize, path });
  return { version, alignment, metadata, tensors, dataStart };
}

interface Cursor {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** The same bytes; a vocabulary is a quarter of a million short strings. */
  readonly text: Buffer;
  readonly fileSize: number;
  readonly path: string;
  at: number;
}

/** Moves over `length` bytes and returns where they begin; all reads go through here. */
function take(cursor: Cursor, length: number, what: string): number {
  const { at, fileSize, bytes, path } = cursor;
  if (length > fileSize - at) {
    const named = shown(what).slice(1, -1);
    throw invalid(path, `${named} at byte ${at} takes ${length} bytes; ${fileSize - at} are left`);
  }
  if (length > bytes.length - at) throw new HeaderGoesOn();
  cursor.at = at + length;
  return at;
}

function parseMagic(cursor: Cursor): number {
  const at = take(cursor, 4, 'the magic number');
  if (cursor.view.getUint32(at, true) !== 0x46554747) {
    throw invalid(cursor.path, 'it does not begin with "GGUF"');
  }
  const version = cursor.view.getUint32(take(cursor, 4, 'the version'), true);
  if (version !== 2 && version !== 3) {
    const isBigEndian = version === 0x02000000 || version === 0x03000000;
    throw invalid(
      cursor.path,
      isBigEndian
        ? 'it is big-endian; only little-endian files are read'
        : `its version is ${version}; 2 and 3 are read`,
    );
  }
  return version;
}

/** A count of things that take at least `minBytes` each, so that it cannot exceed the file. */
function readCount(cursor: Cursor, max: number, what: string, minBytes: number): number {
  const count = cursor.view.getBigUint64(take(cursor, 8, `the number of ${what}`), true);
  const left = cursor.fileSize - cursor.at;
  if (count > BigInt(max) || Number(count) * minBytes > left) {
    throw invalid(cursor.path, `it says to have ${count} ${what}; that cannot be in ${left} bytes`);
  }
  return Number(count);
}

function readString(cursor: Cursor, max: number, what: string): string {
  const { view } = cursor;
  const field = take(cursor, 8, what);
  // Two halves and not a bigint: there are as many lengths as tokens.
  const length = view.getUint32(field, true) + 2 ** 32 * view.getUint32(field + 4, true);
  if (length > max) {
    throw invalid(
      cursor.path,
      `${shown(what).slice(1, -1)} has ${length} bytes; at most ${max} are read`,
    );
  }
  const at = take(cursor, length, what);
  return cursor.text.toString('utf8', at, cursor.at);
}

function readValue(cursor: Cursor, key: string): GgufValue {
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
  const count = readCount(cursor, 2 ** 28, `elements of ${shown(key)}`, scalarBytes[elementType]);
  const value: GgufScalar[] = [];
  for (let i = 0; i < count; i += 1) value.push(readScalar(cursor, elementType, key));
  return { type, elementType, value, raw: cursor.bytes.subarray(start, cursor.at) };
}

function readType(cursor: Cursor, key: string): GgufValueType {
  const code = cursor.view.getUint32(take(cursor, 4, `the type of ${shown(key)}`), true);
  if (isValueType(code)) return code;
  throw invalid(cursor.path, `${shown(key)} has the type ${code}; types are 0 to 12`);
}

function isValueType(code: number): code is GgufValueType {
  return code <= GgufValueType.Float64;
}

/** Fewest bytes of one value, by type. */
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

function alignmentOf(metadata: ReadonlyMap<string, GgufValue>, path: string): number {
  const value = metadata.get('general.alignment')?.value ?? defaultAlignment;
  const isPower =
    typeof value === 'number' &&
    value >= 1 &&
    value <= 65_536 &&
    Number.isInteger(Math.log2(value));
  if (isPower) return value;
  throw invalid(path, `general.alignment is ${String(value)}; it must be a power of two to 65536`);
}

interface RelativeInfo {
  readonly type: GgufTensorInfo['type'];
  readonly shape: readonly number[];
  readonly offset: bigint;
  readonly bytes: number;
}

function readInfo(cursor: Cursor, name: string): RelativeInfo {
  const bad = (message: string): UserError =>
    invalid(cursor.path, `tensor ${shown(name)} ${message}`);
  const { view } = cursor;
  const rank = view.getUint32(take(cursor, 4, `the rank of ${shown(name)}`), true);
  if (rank > maxRank) throw bad(`has ${rank} dimensions; at most ${maxRank}`);
  const dims: number[] = [];
  for (let i = 0; i < rank; i += 1) {
    const size = view.getBigUint64(take(cursor, 8, `a size of ${shown(name)}`), true);
    if (size > BigInt(Number.MAX_SAFE_INTEGER)) throw bad(`has a dimension of ${size}`);
    dims.push(Number(size));
  }
  const code = view.getUint32(take(cursor, 4, `the type of ${shown(name)}`), true);
  const type = ggufTensorTypes.get(code);
  if (type === undefined) {
    const spelled = otherGgufTypes[code] ?? `${code}`;
    const known = [...ggufTensorTypes.values()].map((each) => each.name).join(', ');
    throw bad(`has the type ${spelled}; the types that are read are ${known}`);
  }
  const offset = view.getBigUint64(take(cursor, 8, `the offset of ${shown(name)}`), true);
  const [row = 1, ...others] = dims;
  if (row % type.blockSize !== 0) {
    throw bad(`has rows of ${row}; rows of ${type.name} are multiples of ${type.blockSize}`);
  }
  const bytes = others.reduce(
    (total, size) => total * size,
    (row / type.blockSize) * type.blockBytes,
  );
  if (!Number.isSafeInteger(bytes)) throw bad('is larger than any file');
  return { type, shape: dims.reverse(), offset, bytes };
}

/** Inside the file, aligned, and no two over each other. */
function placeTensors(
  infos: ReadonlyMap<string, RelativeInfo>,
  file: { dataStart: number; alignment: number; fileSize: number; path: string },
): ReadonlyMap<string, GgufTensorInfo> {
  const { dataStart, alignment, fileSize, path } = file;
  const placed = new Map<string, GgufTensorInfo>();
  for (const [name, { type, shape, offset, bytes }] of infos) {
    const room = fileSize - dataStart - bytes;
    if (room < 0 || offset > BigInt(room)) {
      throw invalid(
        path,
        `tensor ${shown(name)} takes ${bytes} bytes at ${offset} of the data; the file ends before`,
      );
    }
    if (Number(offset) % alignment !== 0) {
      throw invalid(
        path,
        `tensor ${shown(name)} is at ${offset}; it must be a multiple of ${alignment}`,
      );
    }
    const begin = dataStart + Number(offset);
    placed.set(name, { type, shape, begin, end: begin + bytes });
  }
  refuseOverlaps(placed, path);
  return placed;
}

function refuseOverlaps(tensors: ReadonlyMap<string, GgufTensorInfo>, path: string): void {
  let end = 0;
  for (const [name, tensor] of [...tensors].sort(([, a], [, b]) => a.begin - b.begin)) {
    if (tensor.begin < end && tensor.end > tensor.begin) {
      throw invalid(path, `tensor ${shown(name)} lies over the one before it`);
    }
    end = Math.max(end, tensor.end);
  }
}

function shown(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
}

function invalid(path: string, message: string): UserError {
  return new UserError({ code: 'E_INVALID_MODEL', path, message: `${path}: ${message}` });
}
