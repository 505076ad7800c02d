// The folder `integers/` of a result, beside weights that its integers stand for: tensors of a
// layout (packed-integers-layout.ts), and a `config.json` that says how they are read.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { TerminalError } from '../../crds/failures/errors.ts';
import type { ModelConfig } from '../families/family.ts';
import { openSafetensors, type WritableTensor, writeSafetensors } from '../files/safetensors.ts';
import type { LinearLayer } from '../methods/adapters/adapter.ts';
import type { DType } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { item, type Tensor } from '../tensor/tensor.ts';
import type { LinearLayout } from './linear-layout.ts';
import type { StoredFolder } from './stored-folder.ts';
import { writeJson } from './write-json.ts';

const folderName = 'integers';
const fileName = 'model.safetensors';

/** Returns the bytes of the tensors. */
export async function writeIntegersFolder(
  folder: string,
  tensors: Iterable<readonly [string, WritableTensor]>,
  config: unknown,
): Promise<number> {
  const own = join(folder, folderName);
  await mkdir(own);
  const { bytes } = await writeSafetensors(join(own, fileName), new Map(tensors), { format: 'pt' });
  await writeJson(join(own, 'config.json'), config);
  return bytes;
}

/** As a loader of layers reads it. */
export function openIntegersFolder(folder: string, config: ModelConfig): StoredFolder {
  const file = openSafetensors(join(folder, folderName, fileName));
  return {
    config,
    find: (name) => (file.header.tensors.has(name) ? file.load(name) : null),
    load: (name) => file.load(name),
    [Symbol.dispose]: () => file[Symbol.dispose](),
  };
}

interface Integers {
  readonly config: ModelConfig;
  readonly layers: Iterable<LinearLayer>;
  readonly layout: LinearLayout;
  readonly dtype: DType;
}

/** Refuses integers that do not stand for the weights which `dense` loads beside them. */
export function requireIntegers(
  folder: string,
  { config, layers, layout, dtype }: Integers,
  dense: (name: string, dtype: DType) => Tensor,
): void {
  using stored = openIntegersFolder(folder, config);
  for (const layer of layers) {
    const name = `${layer.path}.weight`;
    const isSame = scope(
      () => item(ops.all(ops.eq(layout.decoded(stored, layer, dtype), dense(name, dtype)))) === 1,
    );
    if (isSame) continue;
    throw new TerminalError({
      code: 'E_PUBLISH_FAILED',
      message: `the integers of ${name}, read back, do not stand for the weights beside them`,
      hint: 'nothing was published; the same command writes it again, and if it fails again, report it',
    });
  }
}
