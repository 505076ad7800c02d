// Bytes of the tensors in a file, and those that the shapes of the model and the bits of its type
// make. A file that holds other bits than it names has another size.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Size } from '../../crds/evaluation/gate.ts';
import type { DecoderConfig } from '../decoder/config.ts';
import { tensorSpecs } from '../decoder/names.ts';
import { familyOf } from '../decoder/registry.ts';
import type { ModelConfig } from '../families/family.ts';
import { type GgufTypeName, ggufTensorType } from '../files/gguf-types.ts';
import { readGgufHeader, readSafetensorsHeader } from '../files/header-files.ts';
import { type DType, dtypeBytes } from '../tensor/dtype.ts';
import { type GgufFileType, storedType } from './gguf-mix.ts';

export function ggufSize(
  path: string,
  config: DecoderConfig,
  ...types: readonly [GgufFileType, GgufTypeName?]
): Size {
  const expected = tensorSpecs(config).map((spec) => {
    const { blockSize, blockBytes } = ggufTensorType(storedType(spec, ...types));
    return (valuesOf(spec.shape) / blockSize) * blockBytes;
  });
  // Tables that are no weights, such as divisors of RoPE, are small.
  return { stored: bytesIn([...readGgufHeader(path).tensors.values()]), expected: sum(expected) };
}

export function safetensorsSize(folder: string, config: ModelConfig, dtype: DType): Size {
  const files = readdirSync(folder).filter((name) => name.endsWith('.safetensors'));
  const stored = files.map((name) =>
    bytesIn([...readSafetensorsHeader(join(folder, name)).tensors.values()]),
  );
  const values = familyOf(config)
    .tensors(config)
    .map(({ shape }) => valuesOf(shape));
  return { stored: sum(stored), expected: dtypeBytes(dtype) * sum(values) };
}

function bytesIn(tensors: readonly { readonly begin: number; readonly end: number }[]): number {
  return sum(tensors.map(({ begin, end }) => end - begin));
}

function valuesOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, one) => total + one, 0);
}
