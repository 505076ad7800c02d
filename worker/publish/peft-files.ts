// What files of adapters have in common in PEFT's format, whatever their type.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { lastPart } from '../../crds/methods/linears.ts';
import type { Model } from '../engine/model.ts';
import { type WritableTensor, writeSafetensors } from '../files/safetensors.ts';
import type { LinearLayer } from '../methods/adapters/adapter.ts';
import type { AdapterFacts } from './artifact.ts';

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
  { prepared }: Pick<AdapterFacts, 'prepared'>,
): Promise<number> {
  const metadata = { format: 'pt', [baseDigestKey]: prepared.model.digest };
  const { bytes } = await writeSafetensors(join(folder, tensorFile), tensors, metadata);
  await writeFile(join(folder, configFile), `${JSON.stringify(config, null, 2)}\n`);
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
    modules_to_save: null,
    target_modules: targetsOf(model, layers),
    task_type: 'CAUSAL_LM',
  };
}

/** By their last parts, or by whole paths where some block has no adapter there. */
function targetsOf({ config }: Model, layers: readonly LinearLayer[]): readonly string[] {
  const byName = Map.groupBy(layers, ({ path }) => lastPart(path));
  return [...byName]
    .flatMap(([name, own]) => (own.length === config.L ? [name] : own.map(({ path }) => path)))
    .sort();
}
