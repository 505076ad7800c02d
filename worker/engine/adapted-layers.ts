// The places of a model that an adapter changes.

import { Bug } from '../../crds/failures/errors.ts';
import type { DecidedRanks } from '../../crds/methods/adapter-shapes.ts';
import { isNamed, linearsOf } from '../../crds/methods/linears.ts';
import { decoderConfig } from '../decoder/config.ts';
import { familyOf } from '../decoder/registry.ts';
import { type ModelConfig, shapeInMemory } from '../families/family.ts';
import {
  type Adapter,
  type Initial,
  type LinearLayer,
  type MlpLayer,
  plannedRank,
} from '../methods/adapters/adapter.ts';
import { scope } from '../tensor/scope.ts';
import { item } from '../tensor/tensor.ts';

/** Those that the adapter targets, but for ones with a planned rank of 0. */
export function layersWithRank(config: ModelConfig, adapter: Adapter, initial: Initial) {
  const targeted = adaptedLayers(config, adapter);
  return decidesRanks(adapter) ? targeted.filter((layer) => rankIn(initial, layer) > 0) : targeted;
}

/** The ranks of all that it targets; undefined where each has the one of the job. */
export function decidedRanks(
  config: ModelConfig,
  adapter: Adapter,
  initial: Initial,
): DecidedRanks | undefined {
  if (!decidesRanks(adapter)) return undefined;
  const nameOf = namesInBlock(config);
  const byName = Map.groupBy(adaptedLayers(config, adapter), nameOf);
  return Object.fromEntries(
    [...byName].map(([name, layers]) => [name, layers.map((layer) => rankIn(initial, layer))]),
  );
}

/** What a layer is called in the first block, by which sizes and ranks of it are known. */
function namesInBlock(config: ModelConfig): (layer: LinearLayer) => string {
  const inBlock = linearsOf(familyOf(config).facts(config, []));
  const blocks = Map.groupBy(linearLayers(config), ({ layer }) => layer);
  // Convolutions are numbered through all blocks: their place in a block is what they share.
  const placeOf = ({ path, layer }: LinearLayer) =>
    (blocks.get(layer) ?? []).findIndex((one) => one.path === path);
  return (layer) => {
    const { path, role } = layer;
    const found =
      role === 'conv' ? inBlock[placeOf(layer)] : inBlock.find((one) => isNamed(one.path, path));
    return (found ?? unknown(path)).name;
  };
}

function decidesRanks({ calibration, spectrum, search, contribution }: Adapter): boolean {
  return (calibration ?? spectrum ?? search ?? contribution) !== undefined;
}

function rankIn(initial: Initial, { path }: LinearLayer): number {
  return scope(() => item(initial(`${path}.${plannedRank}`)));
}

/** The linear layers of the blocks that an adapter targets; never the head. */
export function adaptedLayers(config: ModelConfig, adapter: Adapter): readonly LinearLayer[] {
  return linearLayers(config).filter((linear) => adapter.targets(linear));
}

/** All linear layers of the blocks. */
export function linearLayers(config: ModelConfig): readonly LinearLayer[] {
  const { tensors, facts } = familyOf(config);
  const inBlock = linearsOf(facts(config, []));
  return tensors(config).flatMap((spec) => {
    const { name, place: layer, kind } = spec;
    const [out, inputs] = shapeInMemory(spec);
    if (typeof layer !== 'number' || (kind !== 'linear' && kind !== 'conv')) return [];
    if (out === undefined || inputs === undefined) return [];
    const path = name.replace(/\.weight$/, '');
    const sizes = { path, layer, out, in: inputs, model: config };
    if (kind === 'conv') return [{ ...sizes, role: 'conv', kernel: spec.shape.at(-1) ?? 1 }];
    const { role } = inBlock.find((one) => isNamed(one.path, path)) ?? unknown(path);
    return [{ ...sizes, role }];
  });
}

function unknown(path: string): never {
  throw new Bug(`${path} is not among the linear layers of a block`);
}

/** The MLP of each block of a decoder. */
export function mlpsOf(config: ModelConfig): readonly MlpLayer[] {
  const all = linearLayers(config);
  return decoderConfig(config).layers.map((_, layer) => {
    const path = `model.layers.${layer}.mlp`;
    const linears = all.filter((linear) => linear.path.startsWith(`${path}.`));
    return { path, layer, in: config.H, linears };
  });
}
