// The optimizer state of a run: created when a layer becomes active, freed when it becomes
// inactive. Checkpoints save exactly what exists, and the memory plan counts the same.

import { countedAs, type Parameter } from '../engine/parameters.ts';
import {
  codebooksOf,
  type Optimizer,
  type OptimizerState,
} from '../methods/optimizers/optimizer.ts';
import type { StepCounts } from '../methods/selection/selection.ts';
import { keep, scope } from '../tensor/scope.ts';
import { type Shard, sizeOf } from './shards.ts';

/** Whether a parameter rests from a step on, and has no state. */
type Rests = (parameter: Parameter, step: number) => boolean;

export class OptimizerStates implements Disposable {
  readonly #shards: readonly Shard[];
  readonly #optimizer: Optimizer;
  readonly #rests: Rests;
  readonly #byName = new Map<string, OptimizerState>();

  constructor(shards: readonly Shard[], optimizer: Optimizer, rests: Rests = () => false) {
    this.#shards = shards;
    this.#optimizer = optimizer;
    this.#rests = rests;
  }

  /** By parameter name. `follow` changes it. */
  get byName(): ReadonlyMap<string, OptimizerState> {
    return this.#byName;
  }

  /**
   * Frees the state of layers without a step count, then creates missing state from the present
   * values. A count of 0 recreates it. `step` is that in which it is.
   */
  follow(stepCounts: StepCounts, step = 0): void {
    const rests = ({ parameter }: Shard) => this.#rests(parameter, step);
    for (const { parameter } of this.#shards.filter(rests)) this.#free(parameter.name);
    const moving = this.#shards.filter((shard) => !rests(shard));
    const kept = moving.map(({ parameter, whole }) => ({ ...parameter, whole }));
    for (const one of kept) if ((stepCounts[countedAs(one)] ?? 0) === 0) this.#free(one.name);
    for (const one of kept) {
      const { name, layer, value, whole, coded, within } = one;
      if (stepCounts[countedAs(one)] === undefined || this.#byName.has(name)) continue;
      const isBlockMatrix = typeof layer === 'number' && whole.length === 2;
      const role = { isBlockMatrix, count: sizeOf(whole), ...(within && { within }) };
      const state = scope(
        () =>
          coded?.type === 'Codebook'
            ? codebooksOf(this.#optimizer).initialize({ codes: value, ...coded.parts })
            : this.#optimizer.initialize(value, role),
        value.device,
      );
      for (const tensor of Object.values(state)) keep(tensor);
      this.#byName.set(name, state);
    }
  }

  [Symbol.dispose](): void {
    for (const name of [...this.#byName.keys()]) this.#free(name);
  }

  #free(name: string): void {
    for (const tensor of Object.values(this.#byName.get(name) ?? {})) tensor.dispose();
    this.#byName.delete(name);
  }
}
