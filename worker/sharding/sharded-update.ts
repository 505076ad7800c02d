// From the gradients of every rank to those of a rank's own share: summed over the ranks and cut in
// one collective for each flat parameter, which runs while the backward goes on with the next
// place. What then happens to the share is the business of the update inside.

import type { Parameter } from '../engine/parameters.ts';
import type { Gradient, StepUpdate, Update, UpdateOutcome, Updater } from '../engine/update.ts';
import * as ops from '../tensor/ops.generated.ts';
import { streamOf } from '../tensor/rng.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { FlatParameter } from './flat-parameter.ts';
import type { Work } from './process-group.ts';
import type { ShardedWeights } from './sharded-weights.ts';

interface Reduction {
  readonly flat: FlatParameter;
  readonly offered: readonly Parameter[];
  /** Gradients of the whole flat parameter, until the work is done. */
  readonly whole: Tensor;
  /** The sums of the own share. */
  readonly share: Tensor;
  readonly work: Work;
}

export class ShardedUpdater {
  readonly #updater: Updater;
  readonly #weights: ShardedWeights;
  readonly #now: () => number;
  /** Milliseconds that were waited for gradients of others. */
  waitedMs = 0;

  constructor(updater: Updater, weights: ShardedWeights, now: () => number) {
    this.#updater = updater;
    this.#weights = weights;
    this.#now = now;
  }

  begin(update: Update): ShardedUpdate {
    const starts = new Map(
      this.#weights.shards.map(({ parameter, start }) => [parameter.name, start]),
    );
    const inner = this.#updater.begin({
      ...update,
      // Numbers of a stream are counted from the first element that a rank keeps.
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
  readonly #inner: StepUpdate;
  readonly #weights: ShardedWeights;
  readonly #wait: (work: Work) => void;
  /** Of the place that was offered last; null when it was handed on. */
  #underWay: readonly Reduction[] | null = null;

  constructor(inner: StepUpdate, weights: ShardedWeights, wait: (work: Work) => void) {
    this.#inner = inner;
    this.#weights = weights;
    this.#wait = wait;
  }

  /** Takes over the gradients of one place; the other ranks offer theirs of the same parameters. */
  offer(gradients: readonly Gradient[]): void {
    // Whatever was under way while this place was computed has arrived, or is waited for before
    // more memory is taken.
    this.#settle();
    const byFlatParameter = Map.groupBy(gradients, ({ parameter }) =>
      this.#weights.lineOf(parameter),
    );
    this.#underWay = [...byFlatParameter].map(([flat, own]) => this.#begin(flat, own));
  }

  finish(): UpdateOutcome {
    this.#settle();
    const outcome = this.#inner.finish();
    this.#weights.moved();
    return outcome;
  }

  #begin(flat: FlatParameter, gradients: readonly Gradient[]): Reduction {
    const { collectives, gradientType: dtype, plan } = flat;
    const whole = ops.zeros([collectives.wholeOf(plan.share)], { dtype });
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

  /** Hands on what is under way. */
  #settle(): void {
    const reductions = this.#underWay;
    this.#underWay = null;
    if (reductions !== null) this.#inner.offer(reductions.flatMap((one) => this.#finish(one)));
  }

  /** The sums of the own shards. */
  #finish({ flat, offered, whole, share, work }: Reduction): readonly Gradient[] {
    this.#wait(work);
    whole.dispose();
    const names = new Set(offered.map(({ name }) => name));
    const gradients = flat.shards.flatMap(({ parameter }, i) => {
      const layer = flat.shared[i];
      if (layer === undefined || !names.has(parameter.name)) return [];
      // Of codes it is the gradient of what they stand for.
      const shape = parameter.coded === undefined ? parameter.value.shape : parameter.shape;
      const value = ops.view(ops.narrow(share, 0, layer.at, layer.count), shape);
      return [{ parameter, value }];
    });
    // The shards hold what they need of it.
    share.dispose();
    return gradients;
  }
}
