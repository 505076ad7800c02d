// The model as this process holds it: complete, or a rank's shards. The loop is the same for both.
import { placesOf } from '../decoder/registry.ts';
import type { ShardLayer } from '../engine/build-model.ts';
import type { Model } from '../engine/model.ts';
import type { Updates } from '../engine/update.ts';
import type { ModelConfig } from '../families/family.ts';
import type { DType } from '../tensor/dtype.ts';
import { ShardedUpdater } from './sharded-update.ts';
import { ShardedWeights, type ShardedWeightsOptions } from './sharded-weights.ts';
import { type Shard, wholeShards } from './shards.ts';

export interface ShardedModel extends Disposable {
  readonly model: Model;
  /** Shards of the trained parameters, and of places that are chosen. */
  readonly shards: readonly Shard[];
  /** Wraps an updater of shards in one that takes unsharded gradients. */
  offered(updater: Updates): Updates;
  /** To be called when something other than the updater changed the shards. */
  changed(): void;
  /** Milliseconds spent waiting for other ranks so far. */
  waited(): Waited;
}

interface Waited {
  readonly gather: number;
  readonly reduce: number;
}

export function wholeModel(model: Model): ShardedModel {
  return {
    model,
    shards: wholeShards(model.parameters, 'trained', 'chosen'),
    offered: (updater) => updater,
    changed: () => model.precision?.forgetAll(),
    waited: () => ({ gather: 0, reduce: 0 }),
    [Symbol.dispose]() {
      model.precision?.forgetAll();
      model.parameters[Symbol.dispose]();
    },
  };
}

interface ShardedModelOptions extends Omit<ShardedWeightsOptions, 'dtype' | 'places' | 'onDrop'> {
  readonly config: ModelConfig;
  readonly dtype: DType;
}

/** This rank's shards of the model that `build` loads layer by layer. */
export function sharedModel(
  { config, ...shared }: ShardedModelOptions,
  build: (shardLayer: ShardLayer) => Model,
): ShardedModel {
  const { now } = shared;
  let precision: Model['precision'] = null;
  // Quantized values live as long as the gathered weight: for a few blocks, not the whole model.
  const onDrop = (name: string) => precision?.forget(name);
  const weights = new ShardedWeights({
    ...shared,
    places: placesOf(config),
    onDrop,
  });
  const model = build((parameters) => weights.shard(parameters));
  precision = model.precision;
  const updaters: ShardedUpdater[] = [];
  return {
    model: { ...model, weights },
    shards: weights.shardsOf('trained', 'chosen'),
    offered(updater) {
      const sharded = new ShardedUpdater(updater, weights, now);
      updaters.push(sharded);
      return sharded;
    },
    changed: () => weights.dropTrained(),
    waited: () => ({
      gather: weights.waitedMs,
      reduce: updaters.reduce((sum, { waitedMs }) => sum + waitedMs, 0),
    }),
    [Symbol.dispose]() {
      model.precision?.forgetAll();
      model.parameters.disposeOutsideLayers();
      weights[Symbol.dispose]();
    },
  };
}
