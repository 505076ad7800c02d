// Parses the header of an untrusted GGUF file. Pure and total: any bytes give a header or a
// UserError. Every count is checked against the remaining bytes before anything is allocated for
// it.
import type { UserError } from '../../crds/failures/errors.ts';
import {
  defaultAlignment,
  type GgufTensorType,
  type GgufTypeName,
  ggufTensorTypes,
  otherGgufTypes,
} from './gguf-types.ts';
import {
  type Cursor,
  type GgufValue,
  invalid,
  readCount,
  readString,
  readValue,
  shown,
  take,
} from './gguf-values.ts';

export { type GgufValue, HeaderGoesOn } from './gguf-values.ts';

export interface GgufTensorInfo {
  readonly type: GgufTensorType & { readonly name: GgufTypeName };
  /** As in torch, slowest dimension first; the file has the reverse order. */
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

const maxPairs = 65_536;
/** The largest model in this format has some 2,000. */
const maxTensors = 131_072;
const maxNameBytes = 65_535;
const maxRank = 4;

/** `bytes` may be the beginning of the file; throws HeaderGoesOn when the header is longer. */
export function parseGguf(
  bytes: Uint8Array,
  fileSize = bytes.length,
  path = 'the GGUF file',
): GgufHeader {
  const cursor: Cursor = {
    ...{ bytes, fileSize, path, at: 0, elements: 0 },
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
  const tensors = locateTensors(infos, { dataStart, alignment, fileSize, path });
  return { version, alignment, metadata, tensors, dataStart };
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
    throw bad(`has the type ${spelled}; supported types are ${known}`);
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

/** Checks that tensors are inside the file, aligned, and disjoint. */
function locateTensors(
  infos: ReadonlyMap<string, RelativeInfo>,
  file: { dataStart: number; alignment: number; fileSize: number; path: string },
): ReadonlyMap<string, GgufTensorInfo> {
  const { dataStart, alignment, fileSize, path } = file;
  const located = new Map<string, GgufTensorInfo>();
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
    located.set(name, { type, shape, begin, end: begin + bytes });
  }
  refuseOverlaps(located, path);
  return located;
}

function refuseOverlaps(tensors: ReadonlyMap<string, GgufTensorInfo>, path: string): void {
  let end = 0;
  for (const [name, tensor] of [...tensors].sort(([, a], [, b]) => a.begin - b.begin)) {
    if (tensor.begin < end && tensor.end > tensor.begin) {
      throw invalid(path, `tensor ${shown(name)} overlaps the one before it`);
    }
    end = Math.max(end, tensor.end);
  }
}
