// Element types, by the names of safetensors and PyTorch.

export type DType =
  | 'float32'
  | 'float64'
  | 'bfloat16'
  | 'float16'
  | 'uint8'
  | 'int8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'bool'
  | 'float8_e4m3fn'
  | 'float8_e5m2';

interface Facts {
  /** libtorch's number of the type, part of its binary interface. */
  readonly code: number;
  readonly bytes: number;
  /** Distance from 1 to the next value; 0 for integers and booleans. */
  readonly epsilon: number;
}

const facts: Readonly<Record<DType, Facts>> = {
  uint8: { code: 0, bytes: 1, epsilon: 0 },
  int8: { code: 1, bytes: 1, epsilon: 0 },
  int16: { code: 2, bytes: 2, epsilon: 0 },
  int32: { code: 3, bytes: 4, epsilon: 0 },
  int64: { code: 4, bytes: 8, epsilon: 0 },
  float16: { code: 5, bytes: 2, epsilon: 2 ** -10 },
  float32: { code: 6, bytes: 4, epsilon: 2 ** -23 },
  float64: { code: 7, bytes: 8, epsilon: 2 ** -52 },
  bool: { code: 11, bytes: 1, epsilon: 0 },
  bfloat16: { code: 15, bytes: 2, epsilon: 2 ** -7 },
  float8_e5m2: { code: 23, bytes: 1, epsilon: 2 ** -2 },
  float8_e4m3fn: { code: 24, bytes: 1, epsilon: 2 ** -3 },
};

// Object.keys of a record loses the type of its keys.
export const dtypes = Object.keys(facts) as readonly DType[];

const byCode = new Map(dtypes.map((dtype) => [facts[dtype].code, dtype]));

export function dtypeCode(dtype: DType): number {
  return facts[dtype].code;
}

export function dtypeOfCode(code: number): DType {
  const dtype = byCode.get(code);
  if (dtype === undefined) throw new RangeError(`${code} is not the code of a dtype used here`);
  return dtype;
}

export function dtypeBytes(dtype: DType): number {
  return facts[dtype].bytes;
}

/** What is computed exactly beside values of a type: float64 for float64, else float32. */
export function exactType(dtype: DType): 'float32' | 'float64' {
  return dtype === 'float64' ? 'float64' : 'float32';
}

/** Distance from 1 to the next value, the unit of tolerances; 0 for integers and booleans. */
export function dtypeEpsilon(dtype: DType): number {
  return facts[dtype].epsilon;
}
