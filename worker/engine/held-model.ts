// What this process holds of the model that it trains: all of it, or a rank's share. The loop is the same for both.
import type { ShardLayout } from '../../crds/plan/shards.ts';
import type { ProcessGroup } from '../cluster/process-group.ts';
import type { TrainerParts } from '../trainer-parts.ts';
import type { Model } from './model.ts';
import { Parameters } from './parameters.ts';
import { type Piece, wholePieces } from './pieces.ts';
import { ShardedUpdater } from './sharded-update.ts';
import { ShardedWeights } from './sharded-weights.ts';
import type { Updater } from './update.ts';

export interface HeldModel extends Disposable {
  readonly model: Model;
  /** Of the trained parameters. */
  readonly pieces: readonly Piece[];
  /** An updater that is offered whole gradients, around one that updates the pieces. */
  offered(updater: Updater): TrainerParts['updater'];
  /** The pieces were changed by somebody else than the updater. */
  changed(): void;
  /** Milliseconds that were waited for other ranks so far. */
  waited(): Waited;
}

interface Waited {
  readonly gather: number;
  readonly reduce: number;
}

export function wholeModel(model: Model): HeldModel {
  return {
    model,
    pieces: wholePieces(model.parameters),
    offered: (updater) => updater,
    changed() {},
    waited: () => ({ gather: 0, reduce: 0 }),
    [Symbol.dispose]: () => model.parameters[Symbol.dispose](),
  };
}

interface SharedOut {
  readonly group: ProcessGroup;
  readonly layout: ShardLayout;
  readonly now: () => number;
}

/** Keeps this rank's share of the model, and lets go of the rest. */
export function sharedModel(model: Model, { group, layout, now }: SharedOut): HeldModel {
  const { config } = model;
  const weights = new ShardedWeights(model.parameters.all(), {
    ...{ group, layout, now },
    tied: config.tied,
  });
  const parameters = new Parameters();
  for (const parameter of weights.parameters) parameters.add(parameter);
  const updaters: ShardedUpdater[] = [];
  return {
    model: { ...model, parameters, weights },
    pieces: weights.pieces,
    offered(updater) {
      const sharded = new ShardedUpdater(updater, weights, group, now);
      updaters.push(sharded);
      return sharded;
    },
    changed: () => weights.moved(),
    waited: () => ({
      gather: weights.waitedMs,
      reduce: updaters.reduce((sum, { waitedMs }) => sum + waitedMs, 0),
    }),
    [Symbol.dispose]: () => weights[Symbol.dispose](),
  };
}
