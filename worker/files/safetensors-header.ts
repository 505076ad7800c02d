// Parses the header of an untrusted safetensors file. Pure and total: any bytes give a header or a
// UserError. Layout: u64 little-endian N, N bytes of JSON, data; offsets in the JSON are relative
// to the data.
import { UserError } from '../../crds/failures/errors.ts';
import { jsonLimits, RefusedBytes, requireBounded } from '../../crds/text/json.ts';
import { parseStrictJson, type StrictJson, StrictJsonError } from './strict-json.ts';

/** Bits of one element. */
export const safetensorsTypes = {
  BOOL: 8,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  F8_E4M3FNUZ: 8,
  F8_E5M2FNUZ: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  C64: 64,
  F64: 64,
  I64: 64,
  U64: 64,
} as const;
export type SafetensorsType = keyof typeof safetensorsTypes;

interface SafetensorsEntry {
  readonly type: SafetensorsType;
  readonly shape: readonly number[];
  /** First byte in the file. */
  readonly begin: number;
  /** Byte after the last. */
  readonly end: number;
}

export interface SafetensorsHeader {
  readonly metadata: ReadonlyMap<string, string>;
  readonly tensors: ReadonlyMap<string, SafetensorsEntry>;
  /** Offset of the data in the file. */
  readonly dataStart: number;
}

const maxRank = 32;

/** Length of length field and header together; `bytes` are the first 8 or more. */
export function safetensorsDataStart(bytes: Uint8Array, fileSize: number, path: string): number {
  if (bytes.length < 8 || fileSize < 8) {
    throw invalid(path, `${fileSize} bytes long; a safetensors file has at least 10`);
  }
  const length = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  const { bytes: most } = jsonLimits.safetensorsHeader;
  if (length > BigInt(most)) {
    throw invalid(path, `its header says ${length} bytes; at most ${most} are read`);
  }
  const dataStart = 8 + Number(length);
  if (dataStart > fileSize) {
    throw invalid(path, `its header ends at byte ${dataStart}, the file at ${fileSize}`);
  }
  return dataStart;
}

/** `bytes` contain at least the header; `fileSize` is that of the whole file. */
export function parseSafetensorsHeader(
  bytes: Uint8Array,
  fileSize: number,
  path = 'the safetensors file',
): SafetensorsHeader {
  const dataStart = safetensorsDataStart(bytes, fileSize, path);
  if (bytes.length < dataStart) throw invalid(path, 'its header is cut off');
  const root = parseHeaderJson(bytes.subarray(8, dataStart), path);
  const tensors = new Map<string, SafetensorsEntry>();
  let metadata: ReadonlyMap<string, string> = new Map();
  for (const [name, value] of root) {
    if (name === '__metadata__') metadata = parseMetadata(value, path);
    else tensors.set(name, parseEntry(name, value, dataStart, path));
  }
  checkCover(tensors, dataStart, fileSize, path);
  return { metadata, tensors, dataStart };
}

function parseHeaderJson(bytes: Uint8Array, path: string): ReadonlyMap<string, StrictJson> {
  if (bytes[0] !== 0x7b) throw invalid(path, 'its header does not begin with "{"');
  try {
    requireBounded(bytes, jsonLimits.safetensorsHeader);
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    const root = parseStrictJson(text, { maxDepth: jsonLimits.safetensorsHeader.depth });
    if (root instanceof Map) return root;
  } catch (cause) {
    if (cause instanceof RefusedBytes) throw invalid(path, `its header ${cause.message}`, cause);
    if (cause instanceof StrictJsonError)
      throw invalid(path, `its header: ${cause.message}`, cause);
    if (cause instanceof TypeError) throw invalid(path, 'its header is not UTF-8', cause);
    throw cause;
  }
  throw invalid(path, 'its header is not a JSON object');
}

function parseMetadata(value: StrictJson, path: string): ReadonlyMap<string, string> {
  const pairs = new Map<string, string>();
  if (!(value instanceof Map)) throw invalid(path, '__metadata__ is not an object');
  for (const [key, text] of value) {
    if (typeof text !== 'string') throw invalid(path, `__metadata__ ${shown(key)} is not a string`);
    pairs.set(key, text);
  }
  return pairs;
}

function parseEntry(
  name: string,
  value: StrictJson,
  dataStart: number,
  path: string,
): SafetensorsEntry {
  const bad = (message: string): UserError => invalid(path, `tensor ${shown(name)} ${message}`);
  if (!(value instanceof Map)) throw bad('is not an object');
  for (const key of value.keys()) {
    if (!['dtype', 'shape', 'data_offsets'].includes(key)) throw bad(`has a field ${shown(key)}`);
  }
  const type = value.get('dtype');
  if (!isType(type)) throw bad(`has the type ${shown(String(type))}, which is not known`);
  const shape = sizes(value.get('shape'));
  if (shape === null) throw bad('has no shape of whole numbers');
  if (shape.length > maxRank) throw bad(`has ${shape.length} dimensions; at most ${maxRank}`);
  const [begin, end, ...rest] = sizes(value.get('data_offsets')) ?? [];
  if (begin === undefined || end === undefined || rest.length > 0 || begin > end) {
    throw bad('has no data_offsets [begin, end]');
  }
  const wanted = byteCount(shape, type);
  if (wanted === null) throw bad('is larger than any file, or not a whole number of bytes');
  if (end - begin !== wanted) {
    throw bad(`takes ${end - begin} bytes; its shape and type need ${wanted}`);
  }
  return { type, shape, begin: dataStart + begin, end: dataStart + end };
}

function isType(value: StrictJson | undefined): value is SafetensorsType {
  return typeof value === 'string' && Object.hasOwn(safetensorsTypes, value);
}

function sizes(value: StrictJson | undefined): readonly number[] | null {
  if (!Array.isArray(value)) return null;
  const all: readonly StrictJson[] = value;
  const isSize = (each: StrictJson): each is number =>
    Number.isSafeInteger(each) && Number(each) >= 0;
  return all.every(isSize) ? all : null;
}

/** Bytes of a tensor; null for an unsafe integer or a fraction of a byte. */
export function byteCount(shape: readonly number[], type: SafetensorsType): number | null {
  const elements = product(shape);
  if (elements === null) return null;
  const bits = elements * safetensorsTypes[type];
  return bits % 8 === 0 && Number.isSafeInteger(bits) ? bits / 8 : null;
}

function product(shape: readonly number[]): number | null {
  if (shape.includes(0)) return 0;
  let elements = 1;
  for (const size of shape) {
    elements *= size;
    if (!Number.isSafeInteger(elements)) return null;
  }
  return elements;
}

/** Refuses holes and overlaps: sorted intervals must be adjacent and end with the file. */
function checkCover(
  tensors: ReadonlyMap<string, SafetensorsEntry>,
  dataStart: number,
  fileSize: number,
  path: string,
): void {
  let at = dataStart;
  const sorted = [...tensors].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  for (const [name, { begin, end }] of sorted) {
    if (begin !== at) {
      throw invalid(
        path,
        `tensor ${shown(name)} begins at byte ${begin}; it must begin at ${at}, where the one ` +
          'before it ends',
      );
    }
    at = end;
  }
  if (at !== fileSize)
    throw invalid(path, `its tensors end at byte ${at}, the file at ${fileSize}`);
}

function shown(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
}

function invalid(path: string, message: string, cause?: unknown): UserError {
  return new UserError({ code: 'E_INVALID_MODEL', path, message: `${path}: ${message}`, cause });
}
