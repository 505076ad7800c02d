// The adapter in PEFT's format: `adapter_model.safetensors` and `adapter_config.json`. Keys are
// `base_model.model.` + module path + `.lora_A.weight`. Any loader of LoRA reads it, on the base as
// it was. `init_lora_weights` is always true: any other value makes a loader recompute and change
// the base.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { alphaOf } from '../../crds/methods/adapter-fields.ts';
import { adapterShape } from '../../crds/methods/adapter-shape.ts';
import { resultFolder } from '../../crds/names/result-folders.ts';
import type { Model } from '../engine/model.ts';
import { openSafetensors, type WritableTensor, writeSafetensors } from '../files/safetensors.ts';
import { factorA, factorB, type LinearLayer } from '../methods/adapters/adapter.ts';
import type { ArtifactFacts, ArtifactWriter } from './artifact.ts';
import {
  asWritten,
  type Factor,
  factorWritten,
  layersWritten,
  rankWritten,
  roundingOf,
  scaleWritten,
} from './written-adapter.ts';

const tensorFile = 'adapter_model.safetensors';
const prefix = 'base_model.model.';

export function peftArtifact(facts: ArtifactFacts): ArtifactWriter {
  const { model } = facts;
  return {
    format: 'PEFTAdapter',
    folder: resultFolder.PEFTAdapter,
    ...roundingOf(model),
    async write(folder) {
      const { bytes } = await writeSafetensors(join(folder, tensorFile), peftTensors(facts));
      const config = `${JSON.stringify(peftConfig(facts), null, 2)}\n`;
      await writeFile(join(folder, 'adapter_config.json'), config);
      return bytes;
    },
    async reload(folder) {
      using file = openSafetensors(join(folder, tensorFile));
      return asWritten(facts, ({ path }, factor) => file.load(nameOf(path, factor)));
    },
  };
}

/** Tensors of the adapter file, by PEFT's names. */
function peftTensors(facts: ArtifactFacts): ReadonlyMap<string, WritableTensor> {
  const dtype = facts.model.dtype === 'float64' ? 'float64' : 'float32';
  const planned = (layer: LinearLayer, factor: Factor): [string, WritableTensor] => {
    const rank = rankWritten(facts, layer);
    const shape = factor === 'A' ? [rank, layer.in] : [layer.out, rank];
    const make = () => factorWritten(facts, layer, factor);
    return [nameOf(layer.path, factor), { shape, dtype, make }];
  };
  return new Map(
    layersWritten(facts).flatMap((layer) => [planned(layer, 'A'), planned(layer, 'B')]),
  );
}

function nameOf(path: string, factor: Factor): string {
  return `${prefix}${path}.${factor === 'A' ? factorA : factorB}`;
}

/** Contents of `adapter_config.json`. */
function peftConfig(facts: ArtifactFacts): Record<string, unknown> {
  const { prepared, method, model } = facts;
  const layers = layersWritten(facts);
  return {
    base_model_name_or_path: prepared.model.name,
    bias: 'none',
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: true,
    modules_to_save: null,
    peft_type: 'LORA',
    target_modules: targetsOf(model, layers),
    task_type: 'CAUSAL_LM',
    use_dora: false,
    ...(method.adapter.type === 'LoRA' ? asLora(method.adapter.lora) : byLayer(facts, layers)),
    lora_dropout: adapterShape(method, model.config)?.dropout ?? 0,
  };
}

interface LoraParameters {
  readonly rank: number;
  readonly alpha?: string | undefined;
  readonly scaling: 'Standard' | 'RankStabilized';
}

function asLora(parameters: LoraParameters): Record<string, unknown> {
  return {
    alpha_pattern: {},
    lora_alpha: alphaOf(parameters),
    r: parameters.rank,
    rank_pattern: {},
    use_rslora: parameters.scaling === 'RankStabilized',
  };
}

/** By their last parts, or by whole paths where some block has no adapter there. */
function targetsOf({ config }: Model, layers: readonly LinearLayer[]): readonly string[] {
  const byName = Map.groupBy(layers, ({ path }) => lastPart(path));
  return [...byName]
    .flatMap(([name, own]) => (own.length === config.L ? [name] : own.map(({ path }) => path)))
    .sort();
}

/**
 * The largest rank, and patterns for layers that have a smaller one, by their last parts where
 * these have one rank in all blocks; alpha / r is the scale.
 */
function byLayer(facts: ArtifactFacts, layers: readonly LinearLayer[]): Record<string, unknown> {
  const found = layers.map((layer) => ({ path: layer.path, rank: rankWritten(facts, layer) }));
  const byName = Map.groupBy(found, ({ path }) => lastPart(path));
  const ranks = [...byName].flatMap(([name, own]) =>
    new Set(own.map(({ rank }) => rank)).size === 1
      ? own.slice(0, 1).map(({ rank }) => ({ name, rank }))
      : own.map(({ path, rank }) => ({ name: path, rank })),
  );
  const [first] = layers;
  const scale = first === undefined ? 1 : scaleWritten(facts, first);
  const r = Math.max(...ranks.map(({ rank }) => rank));
  const smaller = ranks.filter(({ rank }) => rank < r);
  return {
    alpha_pattern: Object.fromEntries(smaller.map(({ name, rank }) => [name, scale * rank])),
    lora_alpha: scale * r,
    r,
    rank_pattern: Object.fromEntries(smaller.map(({ name, rank }) => [name, rank])),
    use_rslora: false,
  };
}

function lastPart(path: string): string {
  return path.slice(path.lastIndexOf('.') + 1);
}
