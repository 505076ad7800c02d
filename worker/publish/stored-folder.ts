// A folder in Hugging Face form whose linear layers are stored in codes: its tensors as its files
// have them, and its configuration, as a loader reads both that decodes the layers itself.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Bug } from '../../crds/failures/errors.ts';
import { jsonLimits } from '../../crds/text/json.ts';
import { readModelConfig } from '../decoder/registry.ts';
import type { ModelConfig } from '../families/family.ts';
import { readJsonFile } from '../files/bounded-file.ts';
import { openSafetensors } from '../files/safetensors.ts';
import type { Tensor } from '../tensor/tensor.ts';

export interface StoredFolder extends Disposable {
  readonly config: ModelConfig;
  /** Null where no file has the tensor. */
  find(name: string): Tensor | null;
  load(name: string): Tensor;
}

export async function openFolder(folder: string): Promise<StoredFolder> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.safetensors'));
  const config = await configIn(folder);
  const opened = names.map((name) => openSafetensors(join(folder, name)));
  const find = (name: string): Tensor | null =>
    opened.find(({ header }) => header.tensors.has(name))?.load(name) ?? null;
  return {
    config,
    find,
    load(name) {
      const found = find(name);
      if (found === null) throw new Bug(`${folder} has no tensor ${name}`);
      return found;
    },
    [Symbol.dispose]() {
      for (const each of opened) each[Symbol.dispose]();
    },
  };
}

async function configIn(folder: string): Promise<ModelConfig> {
  const path = join(folder, 'config.json');
  const json = (await readJsonFile(path, jsonLimits.modelConfig)) as Record<string, unknown>;
  const { quantization_config: _codes, ...ofModel } = json;
  return readModelConfig(ofModel, { path });
}
