// How a file of compressed-tensors holds the linear layers of the blocks.
import type { WritableTensor } from '../files/safetensors.ts';
import type { LinearLayer } from '../methods/adapters/adapter.ts';
import type { IntegerGrid } from '../methods/weights/learned-step.ts';
import type { DType } from '../tensor/dtype.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { StoredFolder } from './stored-folder.ts';

/** Tensors of a layer, by their names. */
export type Planned = readonly (readonly [string, WritableTensor])[];

export interface LinearLayout {
  /** The name that compressed-tensors has for it. */
  readonly format: string;
  /** What its configuration says of weights. */
  readonly weights: Readonly<Record<string, unknown>>;
  planned(layer: LinearLayer): Planned;
  /** The dense matrix that the tensors of a layer stand for. */
  decoded(stored: StoredFolder, layer: LinearLayer, dtype: DType): Tensor;
}

export function integerWeights({ bits, range, groupSize }: IntegerGrid): LinearLayout['weights'] {
  const symmetric = range === 'Symmetric';
  return { num_bits: bits, type: 'int', symmetric, dynamic: false, ...sharing(groupSize) };
}

/** What shares a scale. */
export function sharing(groupSize: number | undefined): LinearLayout['weights'] {
  return groupSize === undefined
    ? { strategy: 'channel', group_size: null }
    : { strategy: 'group', group_size: groupSize };
}
