// The integers of a pipeline that was quantized after training, in a folder of their own:
//   P.weight_packed, P.weight_scale, P.weight_zero_point, P.weight_shape   as compressed-tensors
//     has them (packed-integers-layout.ts), for each linear layer of the blocks
//   P.input_divisor   float32 [in]: its inputs are divided by it before they are rounded
import type { ModelConfig } from '../families/family.ts';
import type { Rows } from '../files/row-panels.ts';
import type { WritableTensor } from '../files/safetensors.ts';
import type { LinearLayer } from '../methods/adapters/adapter.ts';
import { exactlyRead } from '../quantize/rounded-inputs.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { type Tensor, tensor, toArray } from '../tensor/tensor.ts';
import type { Coded } from './compressed-tensors.ts';
import { openIntegersFolder, writeIntegersFolder } from './integers-folder.ts';
import type { StoredFolder } from './stored-folder.ts';

export interface CodedIntegers {
  readonly config: ModelConfig;
  /** What codes of these rows stand for, float32. */
  values(path: string, rows: Rows): Tensor;
  /** What inputs of a layer are divided by; null: nothing. */
  divisor(path: string): Tensor | null;
}

const divisorInFile = 'input_divisor';

/** Returns the bytes of the tensors. */
export async function writeCodedIntegers(
  folder: string,
  { config, layers, layout, inputs, divisor }: Coded & CodedIntegers,
): Promise<number> {
  const planned: (readonly [string, WritableTensor])[] = [];
  for (const layer of layers.values()) {
    planned.push(...layout.planned(layer));
    const by = divisor(layer.path);
    if (by === null) continue;
    const own = { shape: by.shape, dtype: 'float32' } as const;
    planned.push([`${layer.path}.${divisorInFile}`, { ...own, make: () => ops.clone(by) }]);
  }
  return await writeIntegersFolder(folder, planned, {
    weights: layout.config(inputs),
    inputs_as_they_are: inputs === null ? null : [...exactlyRead(config)],
    note: 'an input is divided by input_divisor, where there is one, and then rounded, each token by itself; what is in low-rank reads it as it is',
  });
}

interface OpenedIntegers extends StoredFolder {
  /** Made anew by each call; null: nothing. */
  divisors(path: string): Tensor | null;
}

/** The folder as a loader of layers reads it. */
export function openIntegers(
  folder: string,
  config: ModelConfig,
  layers: ReadonlyMap<string, LinearLayer>,
): OpenedIntegers {
  const stored = openIntegersFolder(folder, config);
  const valuesOf = (name: string) =>
    scope(() => {
      const found = stored.find(name);
      return found && toArray(found);
    });
  const divisors = new Map(
    [...layers.keys()].flatMap((path) => {
      const found = valuesOf(`${path}.${divisorInFile}`);
      return found === null ? [] : [[path, found] as const];
    }),
  );
  return {
    ...stored,
    divisors(path) {
      const own = divisors.get(path);
      return own === undefined ? null : tensor(own, [own.length], 'float32');
    },
  };
}
