// The integers of a pipeline that was quantized after training, in a folder of their own:
//   P.weight_packed, P.weight_scale, P.weight_zero_point, P.weight_shape   as compressed-tensors has
//     them (packed-integers-layout.ts), for each linear layer of the blocks
//   P.input_divisor   float32 [in]: its inputs are divided by it before they are rounded
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ModelConfig } from '../families/family.ts';
import type { Rows } from '../files/row-panels.ts';
import { openSafetensors, type WritableTensor, writeSafetensors } from '../files/safetensors.ts';
import type { LinearLayer } from '../methods/adapters/adapter.ts';
import { exactlyRead } from '../quantize/rounded-inputs.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { type Tensor, tensor, toArray } from '../tensor/tensor.ts';
import type { Coded } from './compressed-tensors.ts';
import { integersFile, integersFolder } from './integers-folder.ts';
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
export async function writeIntegers(
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
  const own = join(folder, integersFolder);
  await mkdir(own);
  const { bytes } = await writeSafetensors(join(own, integersFile), new Map(planned), {
    format: 'pt',
  });
  const words = {
    weights: layout.config(inputs),
    inputs_as_they_are: inputs === null ? null : [...exactlyRead(config)],
    note: 'an input is divided by input_divisor, where there is one, and then rounded, each token by itself; what is in low-rank reads it as it is',
  };
  await writeFile(join(own, 'config.json'), `${JSON.stringify(words, null, 2)}\n`);
  return bytes;
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
  const file = openSafetensors(join(folder, integersFolder, integersFile));
  const has = (name: string): boolean => file.header.tensors.has(name);
  const values = (name: string) => scope(() => toArray(file.load(name)));
  const divisors = new Map(
    [...layers.keys()].flatMap((path) => {
      const name = `${path}.${divisorInFile}`;
      return has(name) ? [[path, values(name)] as const] : [];
    }),
  );
  return {
    config,
    find: (name) => (has(name) ? file.load(name) : null),
    load: (name) => file.load(name),
    divisors(path) {
      const own = divisors.get(path);
      return own === undefined ? null : tensor(own, [own.length], 'float32');
    },
    [Symbol.dispose]: () => file[Symbol.dispose](),
  };
}
