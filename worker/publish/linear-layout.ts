// How a file holds the linear layers of the blocks in codes, both ways.
import type { WritableTensor } from '../files/safetensors.ts';
import type { LinearLayer } from '../methods/adapters/adapter.ts';
import type { IntegerGrid } from '../methods/weights/learned-step.ts';
import type { InputGrid } from '../quantize/rounded-inputs.ts';
import type { DType } from '../tensor/dtype.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { StoredFolder } from './stored-folder.ts';

/** Tensors of a layer, by their names. */
export type Planned = readonly (readonly [string, WritableTensor])[];

type Words = Readonly<Record<string, unknown>>;

export interface LinearLayout {
  planned(layer: LinearLayer): Planned;
  /** The dense matrix that the tensors of a layer stand for. */
  decoded(stored: StoredFolder, layer: LinearLayer, dtype: DType): Tensor;
  /** `quantization_config` of config.json. */
  config(inputs: InputGrid | null): Words;
}

interface Group extends Words {
  /** Paths of its layers. @default all linear ones */
  readonly targets?: readonly string[];
}

/**
 * The configuration in the names of compressed-tensors: `format` of the codes, and what it says of
 * weights, by groups of layers. A group names its format: where inputs are rounded, another would
 * be guessed.
 */
export function compressedConfig(
  format: string,
  ...groups: readonly Group[]
): LinearLayout['config'] {
  return (inputs) => ({
    ...{ quant_method: 'compressed-tensors', format },
    quantization_status: 'compressed',
    config_groups: Object.fromEntries(
      groups.map(({ targets = ['Linear'], ...weights }, i) => [
        `group_${i}`,
        {
          ...{ targets, weights, output_activations: null },
          ...{ input_activations: inputs === null ? null : tokens[inputs], format },
        },
      ]),
    ),
    ignore: ['lm_head'],
  });
}

const byToken = { symmetric: true, dynamic: true, strategy: 'token' };

/** Inputs that are rounded, each token by itself. */
const tokens = {
  Int8: { num_bits: 8, type: 'int', ...byToken },
  Int4: { num_bits: 4, type: 'int', ...byToken },
  Float8: { num_bits: 8, type: 'float', ...byToken },
} as const satisfies Record<InputGrid, unknown>;

export function integerWeights({ bits, range, groupSize }: IntegerGrid): Words {
  const symmetric = range === 'Symmetric';
  return { num_bits: bits, type: 'int', symmetric, dynamic: false, ...sharing(groupSize) };
}

/** What shares a scale. */
export function sharing(groupSize: number | undefined): Words {
  return groupSize === undefined
    ? { strategy: 'channel', group_size: null }
    : { strategy: 'group', group_size: groupSize };
}
