// Constants of the GGUF container: types of metadata values and of tensors.

export const GgufValueType = {
  Uint8: 0,
  Int8: 1,
  Uint16: 2,
  Int16: 3,
  Uint32: 4,
  Int32: 5,
  Float32: 6,
  Bool: 7,
  String: 8,
  Array: 9,
  Uint64: 10,
  Int64: 11,
  Float64: 12,
} as const;
export type GgufValueType = (typeof GgufValueType)[keyof typeof GgufValueType];

export interface GgufTensorType {
  readonly name: string;
  readonly code: number;
  /** Elements of a block; rows consist of complete blocks. */
  readonly blockSize: number;
  readonly blockBytes: number;
}

const types = [
  ['F32', 0, 1, 4],
  ['F16', 1, 1, 2],
  ['Q4_0', 2, 32, 18],
  ['Q4_1', 3, 32, 20],
  ['Q5_0', 6, 32, 22],
  ['Q5_1', 7, 32, 24],
  ['Q8_0', 8, 32, 34],
  ['Q2_K', 10, 256, 84],
  ['Q3_K', 11, 256, 110],
  ['Q4_K', 12, 256, 144],
  ['Q5_K', 13, 256, 176],
  ['Q6_K', 14, 256, 210],
  ['BF16', 30, 1, 2],
] as const;
export type GgufTypeName = (typeof types)[number][0];

/** The supported types, by their code in a file. */
export const ggufTensorTypes: ReadonlyMap<number, GgufTensorType & { name: GgufTypeName }> =
  new Map(
    types.map(([name, code, blockSize, blockBytes]) => [
      code,
      { name, code, blockSize, blockBytes },
    ]),
  );

export function ggufTensorType(name: GgufTypeName): GgufTensorType {
  const found = [...ggufTensorTypes.values()].find((type) => type.name === name);
  if (found === undefined) throw new RangeError(`${name} is not a tensor type of GGUF`);
  return found;
}

/** What a matrix has whose rows are no whole blocks, as llama.cpp chooses it. */
const instead: { readonly [Type in GgufTypeName]?: GgufTypeName } = {
  ...{ Q6_K: 'Q8_0', Q5_K: 'Q5_1', Q4_K: 'Q5_0' },
  // llama.cpp takes IQ4_NL: as many bits.
  ...{ Q3_K: 'Q4_0', Q2_K: 'Q4_0' },
};

/** The type of rows that are to have `wanted`. */
export function typeOfRows(columns: number, wanted: GgufTypeName): GgufTypeName {
  let type = wanted;
  while (columns % ggufTensorType(type).blockSize !== 0) type = instead[type] ?? 'F16';
  return type;
}

/** Unsupported types, named in messages. */
export const otherGgufTypes: Readonly<Record<number, string>> = {
  9: 'Q8_1',
  15: 'Q8_K',
  16: 'IQ2_XXS',
  17: 'IQ2_XS',
  18: 'IQ3_XXS',
  19: 'IQ1_S',
  20: 'IQ4_NL',
  21: 'IQ3_S',
  22: 'IQ2_S',
  23: 'IQ4_XS',
  24: 'I8',
  25: 'I16',
  26: 'I32',
  27: 'I64',
  28: 'F64',
  29: 'IQ1_M',
  34: 'TQ1_0',
  35: 'TQ2_0',
  39: 'MXFP4',
  40: 'NVFP4',
};

export const ggufVersion = 3;
export const defaultAlignment = 32;
