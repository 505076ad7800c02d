/**
 * What a test needs of an ONNX file: its tensors, and which node reads the output of which. ONNX is
 * protobuf; these are the few fields that are read (onnx.proto3).
 */

interface OnnxNode {
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

interface OnnxTensor {
  readonly shape: readonly number[];
  /** Little-endian float32 values, row by row. */
  readonly bytes: Uint8Array;
}

export interface OnnxGraph {
  readonly nodes: readonly OnnxNode[];
  readonly tensors: ReadonlyMap<string, OnnxTensor>;
}

const float32 = 1;

export function readOnnx(file: Uint8Array): OnnxGraph {
  const [graph] = messages(fieldsOf(file), 7);
  if (graph === undefined) throw new Error('the ONNX file has no graph');
  const fields = fieldsOf(graph);
  const nodes = messages(fields, 1).map((bytes) => {
    const node = fieldsOf(bytes);
    const [operator = ''] = texts(node, 4);
    return { operator, inputs: texts(node, 1), outputs: texts(node, 2) };
  });
  const tensors = messages(fields, 5).flatMap((bytes): [string, OnnxTensor][] => {
    const tensor = fieldsOf(bytes);
    const [name = ''] = texts(tensor, 8);
    const [type] = numbers(tensor, 2);
    const [values] = messages(tensor, 9);
    if (type !== float32 || values === undefined) return [];
    return [[name, { shape: numbers(tensor, 1), bytes: values }]];
  });
  return { nodes, tensors: new Map(tensors) };
}

type Field = readonly [number: number, value: number | Uint8Array];

const text = new TextDecoder();

function messages(fields: readonly Field[], wanted: number): readonly Uint8Array[] {
  return fields.flatMap(([number, value]) =>
    number === wanted && typeof value !== 'number' ? [value] : [],
  );
}

function texts(fields: readonly Field[], wanted: number): readonly string[] {
  return messages(fields, wanted).map((bytes) => text.decode(bytes));
}

function numbers(fields: readonly Field[], wanted: number): readonly number[] {
  return fields.flatMap(([number, value]) =>
    number === wanted && typeof value === 'number' ? [value] : [],
  );
}

/** Numbers of fixed size are passed over: none of the fields above has one. */
function fieldsOf(bytes: Uint8Array): readonly Field[] {
  const fields: Field[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes[at++];
      if (byte === undefined) throw new Error('the ONNX file is cut off');
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const key = varint();
    const number = Math.floor(key / 8);
    const kind = key % 8;
    if (kind === 0) fields.push([number, varint()]);
    else if (kind === 1 || kind === 5) at += kind === 1 ? 8 : 4;
    else if (kind === 2) {
      const end = varint() + at;
      fields.push([number, bytes.subarray(at, end)]);
      at = end;
    } else throw new Error(`the ONNX file has a field of kind ${kind}`);
  }
  return fields;
}
