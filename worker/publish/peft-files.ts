// What files of adapters have in common in PEFT's format, whatever their type.
import { join } from 'node:path';
import { lastPart } from '../../crds/methods/linears.ts';
import { familyOf } from '../decoder/registry.ts';
import type { Model } from '../engine/model.ts';
import { type WritableTensor, writeSafetensors } from '../files/safetensors.ts';
import type { LinearLayer } from '../methods/adapters/adapter.ts';
import type { AdapterFacts } from './artifact.ts';
import { modulesToSave, wholeInFile } from './whole-modules.ts';
import { writeJson } from './write-json.ts';

export const tensorFile = 'adapter_model.safetensors';
export const configFile = 'adapter_config.json';
/** In the metadata of the tensors: digest of the base that the adapter belongs to. */
export const baseDigestKey = 'base_digest';
export const prefix = 'base_model.model.';

/** Both files of an adapter; bytes of its tensors. */
export async function writeAdapter(
  folder: string,
  tensors: ReadonlyMap<string, WritableTensor>,
  config: Readonly<Record<string, unknown>>,
  { prepared, model }: Pick<AdapterFacts, 'prepared' | 'model'>,
): Promise<number> {
  const metadata = { format: 'pt', [baseDigestKey]: prepared.model.digest };
  const all = new Map([...tensors, ...wholeInFile(model, prefix)]);
  const { bytes } = await writeSafetensors(join(folder, tensorFile), all, metadata);
  await writeJson(join(folder, configFile), config);
  return bytes;
}

/** Of `adapter_config.json`. */
export function commonConfig(
  { prepared, model }: AdapterFacts,
  layers: readonly LinearLayer[],
): Record<string, unknown> {
  return {
    base_model_name_or_path: prepared.model.name,
    bias: 'none',
    fan_in_fan_out: false,
    inference_mode: true,
    modules_to_save: modulesToSave(model),
    target_modules: targetsOf(model, layers),
    task_type: familyOf(model.config).taskType ?? null,
  };
}

/** What a layer is called in every block: its last part; a convolution has only its path. */
export function nameInBlocks({ path, kernel }: Pick<LinearLayer, 'path' | 'kernel'>): string {
  return kernel === undefined ? lastPart(path) : path;
}

/**
 * By their last parts, or by their paths inside a block where other layers have these too or they
 * are numbers, as blocks have, or by whole paths where some block has no adapter there.
 */
function targetsOf({ config }: Model, layers: readonly LinearLayer[]): readonly string[] {
  const linears = familyOf(config)
    .tensors(config)
    .flatMap(({ name, kind }) => (kind === 'linear' ? [name.replace(/\.weight$/, '')] : []));
  const named = (own: readonly LinearLayer[], nameOf: (layer: LinearLayer) => string) =>
    [...Map.groupBy(own, nameOf)].map(([name, group]) => ({
      group,
      name:
        !/^\d+$/.test(name) &&
        linears.filter((path) => path.endsWith(`.${name}`)).length === group.length &&
        name,
    }));
  return named(layers, nameInBlocks)
    .flatMap((one) => (one.name === false ? named(one.group, partInBlock) : [one]))
    .flatMap(({ name, group }) => (name === false ? group.map(({ path }) => path) : [name]))
    .sort();
}

/** `attention.output.dense` of `bert.encoder.layer.3.attention.output.dense`. */
function partInBlock({ path }: LinearLayer): string {
  return path.replace(/^.*?\.\d+\./, '');
}
