// Which type each tensor of a GGUF file has, and what that comes to.

import type { Output } from '../../crds/api/output.ts';
import type { RunReport } from '../../crds/wire/run-report.ts';
import type { DecoderConfig } from '../decoder/config.ts';
import { type TensorSpec, tensorSpecs } from '../decoder/names.ts';
import { type GgufTypeName, ggufTensorType } from '../files/gguf-types.ts';

export type GgufFileType = Output['gguf']['type'];
type Contents = NonNullable<RunReport['artifacts'][number]['contents']>;

/** Types that are finer than that of a file, or are the file's as a whole. */
const whole: ReadonlySet<GgufFileType> = new Set(['F32', 'F16', 'BF16', 'Q8_0']);

/** What a matrix has whose rows are no whole blocks, as llama.cpp chooses it. */
const instead: { readonly [Type in GgufTypeName]?: GgufTypeName } = {
  ...{ Q6_K: 'Q8_0', Q5_K: 'Q5_1', Q4_K: 'Q5_0' },
  // llama.cpp takes IQ4_NL: as many bits.
  ...{ Q3_K: 'Q4_0', Q2_K: 'Q4_0' },
};

/** Whether codes of a file are so few that a weight is rounded by a good part of itself. */
export function isCoarse(fileType: GgufFileType): boolean {
  return !whole.has(fileType);
}

export function storedType(spec: TensorSpec, fileType: GgufFileType): GgufTypeName {
  if (spec.shape.length < 2) return 'F32';
  let type = wantedType(spec, fileType);
  while (columnsOf(spec) % ggufTensorType(type).blockSize !== 0) type = instead[type] ?? 'F16';
  return type;
}

function wantedType({ role }: TensorSpec, fileType: GgufFileType): GgufTypeName {
  const isVocabulary = role === 'embedding' || role === 'head';
  return isVocabulary && isCoarse(fileType) ? 'Q6_K' : fileType;
}

const columnsOf = ({ shape }: TensorSpec): number => shape.at(-1) ?? 0;

/** Tensors of each type, those that have another than was asked for, and bits of a weight. */
export function ggufContents(config: DecoderConfig, fileType: GgufFileType): Contents {
  const specs = tensorSpecs(config);
  const tensors: Record<string, number> = {};
  const replaced = new Map<string, Contents['replaced'][number]>();
  for (const spec of specs) {
    const type = storedType(spec, fileType);
    tensors[type] = (tensors[type] ?? 0) + 1;
    if (spec.shape.length < 2) continue;
    const wanted = wantedType(spec, fileType);
    const columns = columnsOf(spec);
    if (type === wanted) continue;
    const key = `${wanted} ${columns}`;
    const count = (replaced.get(key)?.tensors ?? 0) + 1;
    replaced.set(key, { wanted, type, columns, tensors: count });
  }
  return {
    tensors,
    replaced: [...replaced.values()],
    bitsPerWeight: bitsPerWeight(specs, fileType),
    linearBitsPerWeight: bitsPerWeight(specs.filter(isLinear), fileType),
  };
}

/** Of a value of the linear layers, without scales; the fewest where they differ. */
export function ggufBits(config: DecoderConfig, fileType: GgufFileType): number {
  const linears = tensorSpecs(config).filter(isLinear);
  const bits = linears.map((spec) => Number(/\d+/.exec(storedType(spec, fileType))?.[0]));
  return Math.min(...bits);
}

function isLinear({ shape, layer }: TensorSpec): boolean {
  return layer !== undefined && shape.length > 1;
}

function bitsPerWeight(specs: readonly TensorSpec[], fileType: GgufFileType): number {
  let weights = 0;
  let bytes = 0;
  for (const spec of specs) {
    const { blockSize, blockBytes } = ggufTensorType(storedType(spec, fileType));
    const count = spec.shape.reduce((product, size) => product * size, 1);
    weights += count;
    bytes += (count / blockSize) * blockBytes;
  }
  return (8 * bytes) / weights;
}
