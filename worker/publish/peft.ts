// The adapter in PEFT's format: `adapter_model.safetensors` and `adapter_config.json`. Keys are
// `base_model.model.` + module path + `.lora_A.weight`. An adapter with more than two factors is
// written as their products: any loader of LoRA reads it. `init_lora_weights` is always true: any
// other value makes a loader recompute and change the base.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Bug } from '../../crds/failures/errors.ts';
import { alphaOf } from '../../crds/methods/adapter-fields.ts';
import { adapterShape } from '../../crds/methods/adapter-shape.ts';
import { resultFolder } from '../../crds/names/result-folders.ts';
import { type Model, tensorsOf } from '../engine/model.ts';
import { type Parameter, Parameters } from '../engine/parameters.ts';
import {
  openSafetensors,
  type SafetensorsFile,
  type WritableTensor,
  writeSafetensors,
} from '../files/safetensors.ts';
import { type Adapter, factorA, factorB, type LinearLayer } from '../methods/adapters/adapter.ts';
import { type Delta, factorOf, fromFactors, rankOf } from '../methods/adapters/delta.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
import type { ArtifactFacts, ArtifactWriter } from './artifact.ts';

const tensorFile = 'adapter_model.safetensors';
const prefix = 'base_model.model.';
const factors = { A: factorA, B: factorB } as const;
type Factor = keyof typeof factors;

export function peftArtifact(facts: ArtifactFacts): ArtifactWriter {
  const { model } = facts;
  return {
    format: 'PEFTAdapter',
    folder: resultFolder.PEFTAdapter,
    rounding: null,
    async write(folder) {
      const { bytes } = await writeSafetensors(join(folder, tensorFile), peftTensors(model));
      const config = `${JSON.stringify(peftConfig(facts), null, 2)}\n`;
      await writeFile(join(folder, 'adapter_config.json'), config);
      return bytes;
    },
    // The base is frozen and already loaded; only the adapter is read back.
    async reload(folder) {
      using file = openSafetensors(join(folder, tensorFile));
      const parameters = new Parameters();
      for (const parameter of model.parameters.all()) {
        if (parameter.role !== 'frozen') continue;
        parameters.add({ ...parameter, value: keep(ops.detach(parameter.value)) });
      }
      for (const layer of model.adapted.values()) {
        for (const factor of ['A', 'B'] as const) parameters.add(readBack(file, layer, factor));
      }
      return { ...model, parameters, adapter: asWritten(model) };
    },
  };
}

/** Tensors of the adapter file, by PEFT's names. */
function peftTensors(model: Model): ReadonlyMap<string, WritableTensor> {
  const dtype = model.dtype === 'float64' ? 'float64' : 'float32';
  const planned = (layer: LinearLayer, factor: Factor): [string, WritableTensor] => {
    const rank = layerRank(model, layer);
    const shape = factor === 'A' ? [rank, layer.in] : [layer.out, rank];
    const size = factor === 'A' ? layer.in : layer.out;
    const make = () => ops.contiguous(ops.detach(factorOf(deltaOf(model, layer), factor, size)));
    return [`${prefix}${layer.path}.${factors[factor]}`, { shape, dtype, make }];
  };
  return new Map(
    [...model.adapted.values()].flatMap((layer) => [planned(layer, 'A'), planned(layer, 'B')]),
  );
}

function deltaOf(model: Model, { path }: LinearLayer): Delta {
  const delta = tensorsOf(model, new Map(), null).delta(path);
  if (delta === null) throw new Bug(`${path} has no adapter`);
  return delta;
}

function layerRank(model: Model, layer: LinearLayer): number {
  return scope(() => rankOf(deltaOf(model, layer)));
}

function scaleOf(model: Model, layer: LinearLayer): number {
  return scope(() => deltaOf(model, layer).scale);
}

function readBack(file: SafetensorsFile, { path, layer }: LinearLayer, factor: Factor): Parameter {
  const name = `${path}.${factors[factor]}`;
  const value = keep(scope(() => ops.clone(file.load(prefix + name))));
  const { shape } = value;
  return { name, layer, value, shape, role: 'frozen', learningRateFactor: 1, decayed: false };
}

/** The adapter that the file describes: two factors of each layer. */
function asWritten(model: Model): Adapter {
  const { adapter } = model;
  if (adapter === null) throw new Bug('a model without an adapter has no PEFT form');
  return {
    ...adapter,
    factors: (layer, tensors) =>
      fromFactors(deltaOf(model, layer), { A: tensors(factorA), B: tensors(factorB) }),
  };
}

/** Contents of `adapter_config.json`. */
function peftConfig({ prepared, method, model }: ArtifactFacts): Record<string, unknown> {
  const layers = [...model.adapted.values()];
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
    ...(method.adapter.type === 'LoRA' ? asLora(method.adapter.lora) : byLayer(model, layers)),
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
function byLayer(model: Model, layers: readonly LinearLayer[]): Record<string, unknown> {
  const found = layers.map((layer) => ({ path: layer.path, rank: layerRank(model, layer) }));
  const byName = Map.groupBy(found, ({ path }) => lastPart(path));
  const ranks = [...byName].flatMap(([name, own]) =>
    new Set(own.map(({ rank }) => rank)).size === 1
      ? own.slice(0, 1).map(({ rank }) => ({ name, rank }))
      : own.map(({ path, rank }) => ({ name: path, rank })),
  );
  const [first] = layers;
  const scale = first === undefined ? 1 : scaleOf(model, first);
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
