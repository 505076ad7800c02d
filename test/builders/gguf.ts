// GGUF files, byte by byte: metadata pairs, tensor infos, zeros for data.
const listType = 9;

export const GgufType = { Uint32: 4, Int32: 5, Float32: 6, Text: 8 } as const;

export function ggufNumber(value: number, bytes: 4 | 8): Buffer {
  const buffer = Buffer.alloc(bytes);
  if (bytes === 8) buffer.writeBigUInt64LE(BigInt(value));
  else buffer.writeUInt32LE(value);
  return buffer;
}

export function ggufFloat(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeFloatLE(value);
  return buffer;
}

export function ggufText(value: string): Buffer {
  const content = Buffer.from(value);
  return Buffer.concat([ggufNumber(content.length, 8), content]);
}

export function ggufPair(key: string, type: number, value: Buffer): Buffer {
  return Buffer.concat([ggufText(key), ggufNumber(type, 4), value]);
}

export function ggufList(key: string, type: number, values: readonly Buffer[]): Buffer {
  const value = Buffer.concat([ggufNumber(type, 4), ggufNumber(values.length, 8), ...values]);
  return ggufPair(key, listType, value);
}

/** `shape` as in the file: fastest dimension first. */
export function ggufTensor(
  name: string,
  shape: readonly number[],
  type: number,
  offset: number,
): Buffer {
  return Buffer.concat([
    ggufText(name),
    ggufNumber(shape.length, 4),
    ...shape.map((size) => ggufNumber(size, 8)),
    ggufNumber(type, 4),
    ggufNumber(offset, 8),
  ]);
}

export function ggufFile(
  pairs: readonly Buffer[],
  tensors: readonly Buffer[],
  dataBytes: number,
): Buffer {
  const head = Buffer.concat([
    Buffer.from('GGUF'),
    ggufNumber(3, 4),
    ggufNumber(tensors.length, 8),
    ggufNumber(pairs.length, 8),
    ...pairs,
    ...tensors,
  ]);
  return Buffer.concat([
    head,
    Buffer.alloc((32 - (head.length % 32)) % 32),
    Buffer.alloc(dataBytes),
  ]);
}
