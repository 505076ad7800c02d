// Sums the gradients of all ranks and keeps this rank's shard: one collective for each flat
// parameter, which runs while the backward computes the next layer. The wrapped updater then
// updates the shards.

import type { Parameter } from '../engine/parameters.ts';
import type { Gradient, StepUpdateSink, Update, UpdateOutcome, Updates } from '../engine/update.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { streamOf } from '../tensor/streams.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { FlatParameter } from './flat-parameter.ts';
import type { Work } from './process-group.ts';
import type { ShardedWeights } from './sharded-weights.ts';

interface Reduction {
  readonly flat: FlatParameter;
  readonly offered: readonly Parameter[];
  /** Unsharded gradients; in use until the work is done. */
  readonly whole: Tensor;
  /** This rank's shard of the sums. */
  readonly share: Tensor;
  readonly work: Work;
}

export class ShardedUpdater {
  readonly #updater: Updates;
  readonly #weights: ShardedWeights;
  readonly #now: () => number;
  /** Milliseconds spent waiting for gradients of other ranks. */
  waitedMs = 0;

  constructor(updater: Updates, weights: ShardedWeights, now: () => number) {
    this.#updater = updater;
    this.#weights = weights;
    this.#now = now;
  }

  begin(update: Update): ShardedUpdate {
    const starts = new Map(
      this.#weights.shardsOf('trained').map(({ parameter, start }) => [parameter.name, start]),
    );
    const inner = this.#updater.begin({
      ...update,
      // Each shard has its own stream, named by its first element.
      stream(name) {
        const start = starts.get(name) ?? 0;
        const stream = update.stream(name);
        return start === 0 ? stream : streamOf(stream.key, 'from', start);
      },
    });
    return new ShardedUpdate(inner, this.#weights, (work) => this.#wait(work));
  }

  #wait(work: Work): void {
    const began = this.#now();
    work.wait();
    this.waitedMs += this.#now() - began;
  }
}

class ShardedUpdate {
  readonly #inner: StepUpdateSink;
  readonly #weights: ShardedWeights;
  readonly #wait: (work: Work) => void;
  /** Reductions of the layer offered last; null once they were passed on. */
  #inProgress: readonly Reduction[] | null = null;

  constructor(inner: StepUpdateSink, weights: ShardedWeights, wait: (work: Work) => void) {
    this.#inner = inner;
    this.#weights = weights;
    this.#wait = wait;
  }

  /** Takes over the gradients of one layer; the other ranks offer the same parameters. */
  offer(gradients: readonly Gradient[]): void {
    // Finishes the reductions that ran while this layer was computed, before allocating more.
    this.#settle();
    const byFlatParameter = Map.groupBy(gradients, ({ parameter }) =>
      this.#weights.flatParameterOf(parameter),
    );
    this.#inProgress = [...byFlatParameter].map(([flat, own]) => this.#begin(flat, own));
  }

  finish(sums?: readonly Tensor[]): UpdateOutcome {
    this.#settle();
    const outcome = this.#inner.finish(sums);
    this.#weights.dropTrained();
    return outcome;
  }

  #begin(flat: FlatParameter, gradients: readonly Gradient[]): Reduction {
    const { collectives, gradientType: dtype, plan } = flat;
    const whole = ops.zeros([collectives.completeSize(plan.share)], { dtype });
    const layers = new Map(plan.tensors.map(({ name, at }) => [name, at]));
    for (const { parameter, value } of gradients) {
      const at = layers.get(parameter.name) ?? 0;
      scope(() => {
        const target = ops.narrow(whole, 0, at, value.numel);
        ops.copy_(ops.view(target, value.shape), value);
      });
      value.dispose();
    }
    const offered = gradients.map(({ parameter }) => parameter);
    return { flat, offered, whole, ...collectives.sum(whole) };
  }

  /** Waits for the reductions in progress and passes their sums on. */
  #settle(): void {
    const reductions = this.#inProgress;
    this.#inProgress = null;
    if (reductions !== null) this.#inner.offer(reductions.flatMap((one) => this.#finish(one)));
  }

  /** Gradients of this rank's shards. */
  #finish({ flat, offered, whole, share, work }: Reduction): readonly Gradient[] {
    this.#wait(work);
    whole.dispose();
    const names = new Set(offered.map(({ name }) => name));
    const gradients = flat.shards.flatMap(({ parameter }, i) => {
      const layer = flat.shared[i];
      if (layer === undefined || !names.has(parameter.name)) return [];
      // The gradient of a quantized parameter is that of the decoded values.
      const shape = parameter.coded === undefined ? parameter.value.shape : parameter.shape;
      const value = ops.view(ops.narrow(share, 0, layer.at, layer.count), shape);
      return [{ parameter, value }];
    });
    // The views keep the storage alive.
    share.dispose();
    return gradients;
  }
}
