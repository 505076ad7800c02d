// What each layer contributes to what training changes (CoLoRA), before the model of the run is
// built. Adapters of the largest rank train for some steps beside the base model
// (probe-adapters.ts). On the straight way from the base, t = 0, to what they made of it, t = 1,
//   C_l = integral over t of <G_l(t), s B_l A_l>
// is the part of the change of the loss that comes from layer l: over all layers they add up to
// L(1) - L(0). The integral is a trapezoid sum, of a batch that the adapters did not train on.
import type { Contribution, LinearLayer } from '../methods/adapters/adapter.ts';
import { ranksWithin } from '../methods/adapters/rank-budget.ts';
import { ProbeAdapters, type Probed } from './probe-adapters.ts';

interface Measured extends Probed {
  readonly contribution: Contribution;
}

export class Contributions implements Disposable {
  readonly #of: Measured;
  readonly #probes: ProbeAdapters;
  readonly #sums: number[];
  readonly #losses: number[] = [];
  /** How far along the way. */
  #t = 1;

  constructor(of: Measured) {
    const { contribution } = of;
    this.#of = of;
    this.#sums = of.layers.map(() => 0);
    this.#probes = new ProbeAdapters(of, {
      ...{ ...contribution, purpose: 'contributions', kindOf: ({ path }: LinearLayer) => path },
      factorOf: () => this.#t * contribution.scale,
    });
  }

  /** Batches that pass. */
  get passes(): number {
    const { probeSteps, intervals } = this.#of.contribution;
    return probeSteps + intervals + 1;
  }

  /** Each batch in turn: those that the probes train on, then the points of the way. Collective. */
  pass(index: number): void {
    const { probeSteps, intervals, scale } = this.#of.contribution;
    if (index < probeSteps) {
      this.#probes.train(index, index + 1);
      return;
    }
    const point = index - probeSteps;
    this.#t = point / intervals;
    const { slopes, loss } = this.#probes.slopes(probeSteps);
    const isEnd = point === 0 || point === intervals;
    const weight = ((isEnd ? 0.5 : 1) * scale) / intervals;
    for (const [i, slope] of slopes.entries())
      this.#sums[i] = (this.#sums[i] ?? 0) + weight * slope;
    this.#losses.push(loss);
  }

  /** Of each layer, with its sign: below 0 where the change of the layer lowers the loss. */
  get all(): readonly number[] {
    return this.#sums;
  }

  /** The loss at each point of the way. */
  get losses(): readonly number[] {
    return this.#losses;
  }

  /** The rank of each layer. */
  ranks(): readonly number[] {
    return ranksWithin(this.#of.layers, this.#sums.map(Math.abs), this.#of.contribution);
  }

  [Symbol.dispose](): void {
    this.#probes[Symbol.dispose]();
  }
}
