// What files of adapters have in common in PEFT's format, whatever their type.
import type { Model } from '../engine/model.ts';
import type { LinearLayer } from '../methods/adapters/adapter.ts';
import type { ArtifactFacts } from './artifact.ts';

export const tensorFile = 'adapter_model.safetensors';
export const prefix = 'base_model.model.';

/** Of `adapter_config.json`. */
export function commonConfig(
  { prepared, model }: ArtifactFacts,
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
export function targetsOf({ config }: Model, layers: readonly LinearLayer[]): readonly string[] {
  const byName = Map.groupBy(layers, ({ path }) => lastPart(path));
  return [...byName]
    .flatMap(([name, own]) => (own.length === config.L ? [name] : own.map(({ path }) => path)))
    .sort();
}

export function lastPart(path: string): string {
  return path.slice(path.lastIndexOf('.') + 1);
}
