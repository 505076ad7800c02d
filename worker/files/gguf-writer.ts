// Writes GGUF v3 files in one pass: the header, then each tensor as it is computed. The caller
// gives the type of each metadata value, because the format has nine number types and readers
// insist on the right one.
import { Bug } from '../../crds/failures/errors.ts';
import { AtomicFile, type WrittenFile } from './atomic-file.ts';
import {
  defaultAlignment,
  type GgufTypeName,
  GgufValueType,
  ggufTensorType,
  ggufVersion,
} from './gguf-types.ts';
import { releaseBytes } from './release-bytes.ts';

export type GgufPair =
  | { readonly type: 'uint32' | 'int32' | 'float32'; readonly value: number }
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'int32s' | 'float32s'; readonly value: readonly number[] }
  | { readonly type: 'strings'; readonly value: readonly string[] }
  /** The bytes of a value from another file, after its type. */
  | { readonly type: 'raw'; readonly valueType: GgufValueType; readonly value: Uint8Array };

export interface GgufPlannedTensor {
  readonly type: GgufTypeName;
  /** As in torch, slowest dimension first. */
  readonly shape: readonly number[];
  /** The bytes in the file's encoding, part by part; each is freed once written. */
  parts(): Iterable<Uint8Array>;
}

export async function writeGguf(
  path: string,
  metadata: ReadonlyMap<string, GgufPair>,
  tensors: ReadonlyMap<string, GgufPlannedTensor>,
  signal?: AbortSignal,
): Promise<WrittenFile> {
  await using file = await AtomicFile.create(path);
  const header = printGgufHeader(metadata, tensors);
  await file.write(header);
  await file.write(new Uint8Array(padding(header.length)));
  for (const [name, tensor] of tensors) {
    signal?.throwIfAborted();
    let written = 0;
    for (const bytes of tensor.parts()) {
      written += bytes.length;
      await file.write(bytes);
      releaseBytes(bytes);
    }
    const planned = byteCount(tensor);
    if (written !== planned) {
      throw new Bug(`${name} has ${written} bytes; its type and shape need ${planned}`);
    }
    await file.write(new Uint8Array(padding(written)));
  }
  return await file.commit();
}

/** All bytes before the padding that precedes the data. Pure. */
export function printGgufHeader(
  metadata: ReadonlyMap<string, GgufPair>,
  tensors: ReadonlyMap<string, GgufPlannedTensor>,
): Uint8Array {
  const parts = [
    Buffer.from('GGUF'),
    uint32(ggufVersion),
    uint64(tensors.size),
    uint64(metadata.size),
    ...[...metadata].flatMap(([key, pair]) => [string(key), ...printPair(pair)]),
  ];
  let offset = 0;
  for (const [name, tensor] of tensors) {
    const { shape, type } = tensor;
    parts.push(string(name), uint32(shape.length));
    for (const size of [...shape].reverse()) parts.push(uint64(size));
    parts.push(uint32(ggufTensorType(type).code), uint64(offset));
    const bytes = byteCount(tensor);
    offset += bytes + padding(bytes);
  }
  return Buffer.concat(parts);
}

/** A table of a vocabulary in a tenth of the memory that its texts and numbers take. */
export function asBytes(table: Extract<GgufPair, { value: readonly unknown[] }>): GgufPair {
  const [, ...parts] = printPair(table);
  return { type: 'raw', valueType: GgufValueType.Array, value: Buffer.concat(parts) };
}

function byteCount({ type, shape }: GgufPlannedTensor): number {
  const { blockSize, blockBytes } = ggufTensorType(type);
  const elements = shape.reduce((product, size) => product * size, 1);
  return (elements / blockSize) * blockBytes;
}

function padding(length: number): number {
  return (defaultAlignment - (length % defaultAlignment)) % defaultAlignment;
}

function printPair(pair: GgufPair): Uint8Array[] {
  switch (pair.type) {
    case 'uint32':
      return [uint32(GgufValueType.Uint32), uint32(pair.value)];
    case 'int32':
      return [uint32(GgufValueType.Int32), int32s([pair.value])];
    case 'float32':
      return [uint32(GgufValueType.Float32), float32s([pair.value])];
    case 'bool':
      return [uint32(GgufValueType.Bool), Uint8Array.of(pair.value ? 1 : 0)];
    case 'string':
      return [uint32(GgufValueType.String), string(pair.value)];
    case 'int32s':
      return [...array(GgufValueType.Int32, pair.value.length), int32s(pair.value)];
    case 'float32s':
      return [...array(GgufValueType.Float32, pair.value.length), float32s(pair.value)];
    case 'strings':
      return [...array(GgufValueType.String, pair.value.length), strings(pair.value)];
    case 'raw':
      return [uint32(pair.valueType), pair.value];
  }
}

function array(elementType: GgufValueType, length: number): Uint8Array[] {
  return [uint32(GgufValueType.Array), uint32(elementType), uint64(length)];
}

function string(text: string): Uint8Array {
  const bytes = Buffer.from(text, 'utf8');
  return Buffer.concat([uint64(bytes.length), bytes]);
}

/**
 * One buffer for all: a vocabulary with its merges has a million strings, and a buffer for each
 * takes some 500 MB.
 */
function strings(texts: readonly string[]): Uint8Array {
  const bytes = Buffer.alloc(texts.reduce((sum, text) => sum + 8 + Buffer.byteLength(text), 0));
  let at = 0;
  for (const text of texts) {
    const length = bytes.write(text, at + 8);
    // Two halves instead of a bigint: this is called for every text.
    bytes.writeUInt32LE(length, at);
    at += 8 + length;
  }
  return bytes;
}

function uint32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function uint64(value: number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function int32s(values: readonly number[]): Uint8Array {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [i, value] of values.entries()) bytes.writeInt32LE(value, 4 * i);
  return bytes;
}

function float32s(values: readonly number[]): Uint8Array {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [i, value] of values.entries()) bytes.writeFloatLE(value, 4 * i);
  return bytes;
}
