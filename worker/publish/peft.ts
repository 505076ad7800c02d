// The adapter in PEFT's format: `adapter_model.safetensors` and `adapter_config.json`. Keys are
// `base_model.model.` + module path + `.lora_A.weight`. Any loader of LoRA reads it, on the base as
// it was. `init_lora_weights` is always true: any other value makes a loader recompute and change
// the base.

import { join } from 'node:path';
import { alphaOf } from '../../crds/methods/adapter-fields.ts';
import { adapterShape } from '../../crds/methods/adapter-traits.ts';
import { resultFolder } from '../../crds/names/result-folders.ts';
import { factsOf } from '../decoder/registry.ts';
import { openSafetensors, type WritableTensor } from '../files/safetensors.ts';
import { factorA, factorB, type LinearLayer } from '../methods/adapters/adapter.ts';
import { exactType } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { AdapterFacts, ArtifactWriter } from './artifact.ts';
import { commonConfig, nameInBlocks, prefix, tensorFile, writeAdapter } from './peft-files.ts';
import { asTrained, asWritten } from './read-adapter.ts';
import { sizesInFile } from './recovery.ts';
import {
  type Factor,
  factorWritten,
  layersWritten,
  rankWritten,
  roundingOf,
  scaleWritten,
  takesOver,
} from './written-adapter.ts';

type PeftFormat = 'PEFTAdapter' | 'UniformPEFTAdapter';

/** Uniform: smaller ranks are filled up with zeros, so that no pattern is needed. */
export function peftArtifact(facts: AdapterFacts, format: PeftFormat): ArtifactWriter {
  const isUniform = format === 'UniformPEFTAdapter';
  const readBack = (folder: string, put: typeof asWritten) => {
    using file = openSafetensors(join(folder, tensorFile));
    const whole = (name: string) => file.load(`${prefix}${name}`);
    return put(facts, whole, (layer, factor) => {
      const values = asFactor(layer, factor, file.load(nameOf(layer.path, factor)));
      const dim = factor === 'A' ? 0 : 1;
      return isUniform ? ops.narrow(values, dim, 0, rankWritten(facts, layer)) : values;
    });
  };
  return {
    format,
    folder: resultFolder[format],
    ...roundingOf(facts.model),
    write: (folder) =>
      writeAdapter(folder, peftTensors(facts, isUniform), peftConfig(facts, isUniform), facts),
    reload: async (folder) => readBack(folder, asWritten),
    ...(takesOver(facts.model) && { asTrained: (folder: string) => readBack(folder, asTrained) }),
  };
}

/** Tensors of the adapter file, by PEFT's names. */
function peftTensors(facts: AdapterFacts, isUniform: boolean): ReadonlyMap<string, WritableTensor> {
  const dtype = exactType(facts.model.dtype);
  const layers = layersWritten(facts);
  const most = Math.max(...layers.map((layer) => rankWritten(facts, layer)));
  const planned = (layer: LinearLayer, factor: Factor): [string, WritableTensor] => {
    const own = rankWritten(facts, layer);
    const rank = isUniform ? most : own;
    const sizes = sizesInFile(facts.cut, layer);
    const shapeOf = (ranks: number) => (factor === 'A' ? [ranks, sizes.in] : [sizes.out, ranks]);
    const shape = shapeInFile(layer, shapeOf(rank), factor);
    const make = () => {
      const values = factorWritten(facts, layer, factor);
      if (rank === own) return ops.view(values, shape);
      const zeros = ops.zeros(shapeOf(rank - own), { dtype: values.dtype });
      return ops.view(ops.cat([values, zeros], factor === 'A' ? 0 : 1), shape);
    };
    return [nameOf(layer.path, factor), { shape, dtype, make }];
  };
  return new Map(layers.flatMap((layer) => [planned(layer, 'A'), planned(layer, 'B')]));
}

/**
 * Beside a convolution PEFT puts two of them: A has its kernel, `[r, in, k, k]`, and B one of a
 * single pixel, `[out, r, 1, 1]`. They are the factors, in the same order.
 */
function shapeInFile({ kernel }: LinearLayer, shape: readonly number[], factor: Factor) {
  const [rows = 1, columns = 1] = shape;
  if (kernel === undefined) return shape;
  return factor === 'A' ? [rows, columns / kernel ** 2, kernel, kernel] : [rows, columns, 1, 1];
}

/** Of a tensor in a file. */
function asFactor({ kernel }: LinearLayer, factor: Factor, values: Tensor): Tensor {
  if (kernel === undefined) return values;
  const [rows = 1, columns = 1] = values.shape;
  return ops.view(values, factor === 'A' ? [rows, columns * kernel ** 2] : [rows, columns]);
}

function nameOf(path: string, factor: Factor): string {
  return `${prefix}${path}.${factor === 'A' ? factorA : factorB}`;
}

/** Contents of `adapter_config.json`. */
function peftConfig(facts: AdapterFacts, isUniform: boolean): Record<string, unknown> {
  const { method, model } = facts;
  const layers = layersWritten(facts);
  return {
    ...commonConfig(facts, layers),
    init_lora_weights: true,
    peft_type: 'LORA',
    use_dora: false,
    ...(method.adapter.type === 'LoRA' ? asLora(method.adapter.lora) : byLayer(facts, layers)),
    ...(isUniform ? { alpha_pattern: {}, rank_pattern: {} } : {}),
    lora_dropout: adapterShape(method, factsOf(model.config))?.dropout ?? 0,
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

/**
 * The largest rank, and patterns for layers that have a smaller one, by their last parts where
 * these have one rank in all blocks; alpha / r is the scale.
 */
function byLayer(facts: AdapterFacts, layers: readonly LinearLayer[]): Record<string, unknown> {
  const found = layers.map((layer) => ({ ...layer, rank: rankWritten(facts, layer) }));
  const byName = Map.groupBy(found, nameInBlocks);
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
