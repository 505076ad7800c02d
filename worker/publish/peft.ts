// The adapter in PEFT's format: `adapter_model.safetensors` and `adapter_config.json`. Keys are
// `base_model.model.` + module path + `.lora_A.weight`. An adapter with more than two factors is
// written as their products, and one that took over a part of the weight with twice the rank,
// `[A; A0]` and `[B, -B0]`: any loader of LoRA reads it, on the base as it was. `init_lora_weights`
// is always true: any other value makes a loader recompute and change the base.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Bug } from '../../crds/failures/errors.ts';
import { alphaOf } from '../../crds/methods/adapter-fields.ts';
import { adapterShape } from '../../crds/methods/adapter-shape.ts';
import { resultFolder } from '../../crds/names/result-folders.ts';
import { buildModel, modelSource } from '../engine/build-model.ts';
import { type Model, tensorsOf } from '../engine/model.ts';
import { type Parameter, Parameters } from '../engine/parameters.ts';
import {
  openSafetensors,
  type SafetensorsFile,
  type WritableTensor,
  writeSafetensors,
} from '../files/safetensors.ts';
import { type Adapter, factorA, factorB, type LinearLayer } from '../methods/adapters/adapter.ts';
import {
  type Delta,
  factorOf,
  fromFactors,
  plainDelta,
  rankOf,
} from '../methods/adapters/delta.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
import type { ArtifactFacts, ArtifactWriter } from './artifact.ts';

const tensorFile = 'adapter_model.safetensors';
const prefix = 'base_model.model.';
const factors = { A: factorA, B: factorB } as const;
type Factor = keyof typeof factors;

export function peftArtifact(facts: ArtifactFacts): ArtifactWriter {
  const { model } = facts;
  const takesOver = model.adapter?.takesOver !== undefined;
  const weights = new Set([...model.adapted.keys()].map((path) => `${path}.weight`));
  return {
    format: 'PEFTAdapter',
    folder: resultFolder.PEFTAdapter,
    // What the base lost is added again here, and the rest of it was rounded there.
    rounding: takesOver ? (model.dtype === 'bfloat16' ? 'bfloat16' : 'float32') : null,
    isRounded: (name) => weights.has(name),
    async write(folder) {
      const { bytes } = await writeSafetensors(join(folder, tensorFile), peftTensors(facts));
      const config = `${JSON.stringify(peftConfig(facts), null, 2)}\n`;
      await writeFile(join(folder, 'adapter_config.json'), config);
      return bytes;
    },
    async reload(folder) {
      using file = openSafetensors(join(folder, tensorFile));
      const base = takesOver ? asInFiles(facts) : sharedBase(model);
      for (const layer of model.adapted.values()) {
        for (const factor of ['A', 'B'] as const) base.add(readBack(file, layer, factor));
      }
      return { ...model, parameters: base, adapter: asWritten(facts) };
    },
  };
}

/** The frozen tensors of the model, which are loaded already: only the adapter is read back. */
function sharedBase(model: Model): Parameters {
  const parameters = new Parameters();
  for (const parameter of model.parameters.all()) {
    if (parameter.role !== 'frozen') continue;
    parameters.add({ ...parameter, value: keep(ops.detach(parameter.value)) });
  }
  return parameters;
}

/** The base that the adapter is put on: the weights of the model hold a part of it. */
function asInFiles({ files, model, run }: ArtifactFacts): Parameters {
  return buildModel(modelSource(files), {
    dtype: model.dtype,
    adapter: null,
    // No tensor is trained: the mapped file itself is used where possible.
    trains: () => false,
    sequenceLength: run.spec.dataset.sequenceLength,
  }).parameters;
}

/** Tensors of the adapter file, by PEFT's names. */
function peftTensors(facts: ArtifactFacts): ReadonlyMap<string, WritableTensor> {
  const { model } = facts;
  const dtype = model.dtype === 'float64' ? 'float64' : 'float32';
  const planned = (layer: LinearLayer, factor: Factor): [string, WritableTensor] => {
    const rank = layerRank(facts, layer);
    const shape = factor === 'A' ? [rank, layer.in] : [layer.out, rank];
    const size = factor === 'A' ? layer.in : layer.out;
    const make = () => ops.contiguous(ops.detach(factorOf(deltaOf(facts, layer), factor, size)));
    return [`${prefix}${layer.path}.${factors[factor]}`, { shape, dtype, make }];
  };
  return new Map(
    [...model.adapted.values()].flatMap((layer) => [planned(layer, 'A'), planned(layer, 'B')]),
  );
}

type Adapted = Pick<ArtifactFacts, 'model' | 'initial'>;

/** What the adapter changes of the weights in the files. */
function deltaOf({ model, initial }: Adapted, layer: LinearLayer): Delta {
  const { path } = layer;
  const delta = tensorsOf(model, new Map(), null).delta(path);
  if (delta === null) throw new Bug(`${path} has no adapter`);
  const taken = model.adapter?.takesOver?.(layer, (suffix) => initial(`${path}.${suffix}`));
  if (taken === undefined) return delta;
  if (delta.form !== 'product') throw new Bug(`${delta.form} of ${path} take over no part of it`);
  const { A, B, scale } = delta;
  const left = ops.mulScalar(ops.to(taken.left, B.dtype), -taken.scale / scale);
  const right = ops.to(taken.right, A.dtype);
  return plainDelta(ops.cat([A, right], 0), ops.cat([B, left], 1), scale);
}

function layerRank(facts: Adapted, layer: LinearLayer): number {
  return scope(() => rankOf(deltaOf(facts, layer)));
}

function scaleOf(facts: Adapted, layer: LinearLayer): number {
  return scope(() => deltaOf(facts, layer).scale);
}

function readBack(file: SafetensorsFile, { path, layer }: LinearLayer, factor: Factor): Parameter {
  const name = `${path}.${factors[factor]}`;
  const value = keep(scope(() => ops.clone(file.load(prefix + name))));
  const { shape } = value;
  return { name, layer, value, shape, role: 'frozen', learningRateFactor: 1, decayed: false };
}

/** The adapter that the file describes: two factors of each layer. */
function asWritten(facts: Adapted): Adapter {
  const { adapter } = facts.model;
  if (adapter === null) throw new Bug('a model without an adapter has no PEFT form');
  return {
    ...adapter,
    factors: (layer, tensors) =>
      fromFactors(deltaOf(facts, layer), { A: tensors(factorA), B: tensors(factorB) }),
  };
}

/** Contents of `adapter_config.json`. */
function peftConfig(facts: ArtifactFacts): Record<string, unknown> {
  const { prepared, method, model } = facts;
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
function byLayer(facts: Adapted, layers: readonly LinearLayer[]): Record<string, unknown> {
  const found = layers.map((layer) => ({ path: layer.path, rank: layerRank(facts, layer) }));
  const byName = Map.groupBy(found, ({ path }) => lastPart(path));
  const ranks = [...byName].flatMap(([name, own]) =>
    new Set(own.map(({ rank }) => rank)).size === 1
      ? own.slice(0, 1).map(({ rank }) => ({ name, rank }))
      : own.map(({ path, rank }) => ({ name: path, rank })),
  );
  const [first] = layers;
  const scale = first === undefined ? 1 : scaleOf(facts, first);
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
