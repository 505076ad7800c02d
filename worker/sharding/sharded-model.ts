// What this process holds of the model that it trains: all of it, or a rank's share. The loop is
// the same for both.
import type { DecoderConfig } from '../decoder/config.ts';
import type { ShareOut } from '../engine/build-model.ts';
import type { Model } from '../engine/model.ts';
import type { Updater } from '../engine/update.ts';
import type { DType } from '../tensor/dtype.ts';
import type { TrainerParts } from '../train/parts.ts';
import { ShardedUpdater } from './sharded-update.ts';
import { ShardedWeights, type ShardedWeightsOptions } from './sharded-weights.ts';
import { type Shard, wholeShards } from './shards.ts';

export interface ShardedModel extends Disposable {
  readonly model: Model;
  /** Of the trained parameters. */
  readonly shards: readonly Shard[];
  /** An updater that is offered whole gradients, around one that updates the shards. */
  offered(updater: Updater): TrainerParts['updater'];
  /** The shards were changed by somebody else than the updater. */
  changed(): void;
  /** Milliseconds that were waited for other ranks so far. */
  waited(): Waited;
}

interface Waited {
  readonly gather: number;
  readonly reduce: number;
}

export function wholeModel(model: Model): ShardedModel {
  return {
    model,
    shards: wholeShards(model.parameters),
    offered: (updater) => updater,
    changed: () => model.precision?.forgetAll(),
    waited: () => ({ gather: 0, reduce: 0 }),
    [Symbol.dispose]() {
      model.precision?.forgetAll();
      model.parameters[Symbol.dispose]();
    },
  };
}

interface SharedOut extends Omit<ShardedWeightsOptions, 'dtype' | 'tied' | 'onDrop'> {
  readonly config: DecoderConfig;
  readonly dtype: DType;
}

/** This rank's share of the model that `build` makes, one place after the other. */
export function sharedModel(
  { config, ...shared }: SharedOut,
  build: (shareOut: ShareOut) => Model,
): ShardedModel {
  const { now } = shared;
  let precision: Model['precision'] = null;
  // Codes of a weight are there as long as the weight is: for a block at a time, not for the model.
  const onDrop = (name: string) => precision?.forget(name);
  const weights = new ShardedWeights({ ...shared, tied: config.tied, onDrop });
  const model = build((parameters) => weights.share(parameters));
  precision = model.precision;
  const updaters: ShardedUpdater[] = [];
  return {
    model: { ...model, weights },
    shards: weights.shards,
    offered(updater) {
      const sharded = new ShardedUpdater(updater, weights, now);
      updaters.push(sharded);
      return sharded;
    },
    changed: () => weights.moved(),
    waited: () => ({
      gather: weights.waitedMs,
      reduce: updaters.reduce((sum, { waitedMs }) => sum + waitedMs, 0),
    }),
    [Symbol.dispose]() {
      model.precision?.forgetAll();
      model.parameters.endMade();
      weights[Symbol.dispose]();
    },
  };
}
