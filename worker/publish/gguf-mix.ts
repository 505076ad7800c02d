// Which type each tensor of a GGUF file has, and what that comes to.

import type { GgufType } from '../../crds/api/output.ts';
import type { RunReport } from '../../crds/wire/run-report.ts';
import type { DecoderConfig } from '../decoder/config.ts';
import { type DecoderTensor, tensorSpecs } from '../decoder/names.ts';
import { type GgufTypeName, ggufTensorType, typeOfRows } from '../files/gguf-types.ts';

export type GgufFileType = GgufType;

type Contents = NonNullable<RunReport['artifacts'][number]['contents']>;

/** Types that are finer than that of a file, or are the file's as a whole. */
const whole: ReadonlySet<GgufFileType> = new Set(['F32', 'F16', 'BF16', 'Q8_0']);

/** Whether codes of a file are so few that a weight is rounded by a good part of itself. */
export function isCoarse(fileType: GgufFileType): boolean {
  return !whole.has(fileType);
}

/** `vocabulary`: of token embedding and head. @default Q6_K in a coarse file, else as all */
export function storedType(
  spec: DecoderTensor,
  fileType: GgufFileType,
  vocabulary?: GgufTypeName,
): GgufTypeName {
  if (spec.shape.length < 2) return 'F32';
  return typeOfRows(columnsOf(spec), wantedType(spec, fileType, vocabulary));
}

function wantedType(
  { role }: DecoderTensor,
  fileType: GgufFileType,
  vocabulary: GgufTypeName = isCoarse(fileType) ? 'Q6_K' : fileType,
): GgufTypeName {
  return role === 'embedding' || role === 'head' ? vocabulary : fileType;
}

const columnsOf = ({ shape }: DecoderTensor): number => shape.at(-1) ?? 0;

/** Tensors of each type, those that have another than was asked for, and bits of a weight. */
export function ggufContents(
  config: DecoderConfig,
  fileType: GgufFileType,
  vocabulary?: GgufTypeName,
): Contents {
  const specs = tensorSpecs(config);
  const tensors: Record<string, number> = {};
  const replaced = new Map<string, Contents['replaced'][number]>();
  for (const spec of specs) {
    const type = storedType(spec, fileType, vocabulary);
    tensors[type] = (tensors[type] ?? 0) + 1;
    if (spec.shape.length < 2) continue;
    const wanted = wantedType(spec, fileType, vocabulary);
    const columns = columnsOf(spec);
    if (type === wanted) continue;
    const key = `${wanted} ${columns}`;
    const count = (replaced.get(key)?.tensors ?? 0) + 1;
    replaced.set(key, { wanted, type, columns, tensors: count });
  }
  return {
    tensors,
    replaced: [...replaced.values()],
    bitsPerWeight: bitsPerWeight(specs, fileType, vocabulary),
    linearBitsPerWeight: bitsPerWeight(specs.filter(isLinear), fileType),
  };
}

/** Of a value of the linear layers, without scales; the fewest where they differ. */
export function ggufBits(config: DecoderConfig, fileType: GgufFileType): number {
  const linears = tensorSpecs(config).filter(isLinear);
  const bits = linears.map((spec) => Number(/\d+/.exec(storedType(spec, fileType))?.[0]));
  return Math.min(...bits);
}

function isLinear({ kind, place }: DecoderTensor): boolean {
  return typeof place === 'number' && kind === 'linear';
}

function bitsPerWeight(
  specs: readonly DecoderTensor[],
  fileType: GgufFileType,
  vocabulary?: GgufTypeName,
): number {
  let weights = 0;
  let bytes = 0;
  for (const spec of specs) {
    const { blockSize, blockBytes } = ggufTensorType(storedType(spec, fileType, vocabulary));
    const count = spec.shape.reduce((product, size) => product * size, 1);
    weights += count;
    bytes += (count / blockSize) * blockBytes;
  }
  return (8 * bytes) / weights;
}
