// From gradients to new parameters. Gradients arrive block by block, last block first. Clipping
// `Global` keeps them until the last has come, because the factor depends on all; `Block` and
// `None` update at once and keep nothing.

import {
  codebooksOf,
  type Optimizer,
  type OptimizerState,
  type Projector,
  type UpdateStep,
} from '../methods/optimizers/optimizer.ts';
import {
  type Coded,
  changeStochastically_,
  decode,
  quantizeStochastically_,
} from '../methods/weights/affine-groups.ts';
import type { DType } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import type { Stream } from '../tensor/streams.ts';
import { item, type Tensor, toArray } from '../tensor/tensor.ts';
import type { StepGrowth } from './growth.ts';
import type { Parameter } from './parameters.ts';
import { alone, type World } from './world.ts';

export interface Clip {
  readonly mode: 'Global' | 'Block' | 'None';
  /** Largest norm that passes unchanged. */
  readonly norm: number;
}

export interface Update {
  /** Learning rate of this step, before the parameters' own factors. */
  readonly learningRate: number;
  /** Number of updates of a parameter's optimizer state, including this one. */
  count(parameter: Parameter): number;
  /** Random stream of a parameter in this step. */
  stream(name: string): Stream;
  /** How many of the first columns of a matrix keep their values. @default 0 */
  restingColumns?(parameter: Parameter): number;
  /** Where in its matrix the values of a parameter are. @default it is no single values */
  places?(parameter: Parameter): Tensor | null;
  /** Of ranks that grow. @default none */
  readonly growth?: StepGrowth | null;
  /** Sees the gradients of each layer, whole or shards, unchanged. @default nothing */
  readonly sketches?: { offered(gradients: readonly Gradient[]): void } | null;
  /** Called for each parameter that was updated. */
  updated?(parameter: Parameter): void;
}

export interface UpdateOutcome {
  /** 2-norm of all gradients as the optimizer sees them, before clipping. */
  readonly gradientNorm: number;
  /** Factor applied to the gradients; 1 when nothing was clipped. */
  readonly clipFactor: number;
  /** False when the norm was not finite: no parameter was updated (`Global` only). */
  readonly applied: boolean;
  /** Values of the tensors that `finish` was given. */
  readonly sums: readonly number[];
  /** Of layers whose ranks grow, at this rank. @default none */
  readonly scores?: readonly number[];
}

export interface Gradient {
  readonly parameter: Parameter;
  readonly value: Tensor;
}

/** Collects the gradients of one optimizer step and applies them. */
export class Updater {
  readonly #optimizer: Optimizer;
  readonly #states: ReadonlyMap<string, OptimizerState>;
  readonly #clip: Clip;
  readonly #world: World;

  /** Ranks of a world offer the gradients of their own shards; norms are over all ranks. */
  constructor(
    optimizer: Optimizer,
    states: ReadonlyMap<string, OptimizerState>,
    clip: Clip,
    world: World = alone,
  ) {
    this.#optimizer = optimizer;
    this.#states = states;
    this.#clip = clip;
    this.#world = world;
  }

  begin(update: Update): StepUpdate {
    return new StepUpdate(this.#optimizer, this.#states, this.#clip, this.#world, update);
  }
}

class StepUpdate {
  readonly #optimizer: Optimizer;
  readonly #states: ReadonlyMap<string, OptimizerState>;
  readonly #clip: Clip;
  readonly #world: World;
  readonly #update: Update;
  readonly #waiting: Gradient[] = [];
  /** Parameters whose gradients arrive projected, and the type they were projected in. */
  readonly #projected = new Map<string, DType>();
  /** Of each offer, on the device: under `Global` nothing is read before all have come. */
  readonly #squaresOf: Tensor[] = [];
  #squares = 0;
  #smallestFactor = 1;
  #finite = true;

  constructor(
    optimizer: Optimizer,
    states: ReadonlyMap<string, OptimizerState>,
    clip: Clip,
    world: World,
    update: Update,
  ) {
    this.#optimizer = optimizer;
    this.#states = states;
    this.#clip = clip;
    this.#world = world;
    this.#update = update;
  }

  /**
   * How to compute the gradient of a matrix directly in the subspace of its update; it must then be
   * offered projected. Null where the full gradient is needed. `tokens` is the sum over all
   * micro-batches, `dtype` the type of the products.
   */
  projector(parameter: Parameter, tokens: number, dtype: DType): Projector | null {
    const { name, shape } = parameter;
    const [state, updates] = this.#stateOf(parameter);
    const projector = this.#optimizer.projection?.projector(state, updates, shape, tokens) ?? null;
    if (projector !== null) this.#projected.set(name, dtype);
    return projector;
  }

  /** Takes over the gradients of one layer: a block, the embedding or the head. */
  offer(whole: readonly Gradient[]): void {
    for (const { parameter, value } of whole) {
      const resting = this.#restingColumns(parameter);
      if (resting > 0) scope(() => ops.zero_(ops.narrow(value, 1, 0, resting)));
    }
    this.#update.growth?.offered(whole);
    this.#update.sketches?.offered(whole);
    const gradients = whole.map((one) => this.#seen(one));
    // Gradients at candidates move nothing yet.
    const moving = gradients.filter(({ parameter }) => parameter.role === 'trained');
    const own = squaredNorm(moving.map(({ value }) => value));
    if (this.#clip.mode === 'Global') {
      this.#squaresOf.push(own);
      this.#waiting.push(...gradients);
      return;
    }
    const [square = Number.NaN] = this.#world.sum([item(own)]);
    own.dispose();
    this.#squares += square;
    this.#finite &&= Number.isFinite(square);
    if (Number.isFinite(square))
      this.#apply(gradients, this.#clip.mode === 'Block' ? this.#factor(square) : 1);
    else release(gradients);
  }

  /**
   * Updates what waits. `sums` are float64 scalars of the step; they are read together with the
   * norm. Under `Global` the host waits for the device at no other time, and the device still has
   * its update to do then.
   */
  finish(sums: readonly Tensor[] = []): UpdateOutcome {
    const scores = this.#update.growth?.scores() ?? [];
    const values = valuesOf([...this.#squaresOf, ...sums, ...scores]);
    const { length: norms } = this.#squaresOf;
    const own = values.slice(0, norms).reduce((sum, one) => sum + one, 0);
    for (const each of this.#squaresOf) each.dispose();
    const outcome = this.#finish(own);
    this.#optimizer.endStep?.();
    const scored = norms + sums.length;
    return { ...outcome, sums: values.slice(norms, scored), scores: values.slice(scored) };
  }

  #finish(own: number): Omit<UpdateOutcome, 'sums' | 'scores'> {
    if (this.#clip.mode !== 'Global') {
      const gradientNorm = Math.sqrt(this.#squares);
      return { gradientNorm, clipFactor: this.#smallestFactor, applied: this.#finite };
    }
    // One rank's NaN or infinity reaches the sum, so all ranks skip the step, or none does.
    const [squares = Number.NaN] = this.#world.sum([own]);
    const gradientNorm = Math.sqrt(squares);
    if (!Number.isFinite(squares)) {
      release(this.#waiting);
      return { gradientNorm, clipFactor: 0, applied: false };
    }
    const clipFactor = this.#factor(squares);
    this.#apply(this.#waiting, clipFactor);
    return { gradientNorm, clipFactor, applied: true };
  }

  /**
   * The gradient as the optimizer sees it: projected where it uses subspaces. Clipping takes the
   * norm of this, and only this waits for the norm.
   */
  #seen(gradient: Gradient): Gradient {
    const { parameter, value } = gradient;
    const { projection } = this.#optimizer;
    if (projection === undefined || this.#projected.has(parameter.name)) return gradient;
    const [state, updates] = this.#stateOf(parameter);
    const low = projection.project(value, state, updates);
    if (low === null) return gradient;
    this.#projected.set(parameter.name, value.dtype);
    value.dispose();
    return { parameter, value: low };
  }

  /** The state of a parameter, and the number of its earlier updates. */
  #stateOf(parameter: Parameter): readonly [OptimizerState, number] {
    return [this.#states.get(parameter.name) ?? {}, this.#update.count(parameter) - 1];
  }

  #factor(square: number): number {
    const norm = Math.sqrt(square);
    return norm > this.#clip.norm ? this.#clip.norm / norm : 1;
  }

  #apply(gradients: readonly Gradient[], gradientScale: number): void {
    this.#smallestFactor = Math.min(this.#smallestFactor, gradientScale);
    for (const { parameter, value } of gradients) {
      const [state, updates] = this.#stateOf(parameter);
      const projectedIn = this.#projected.get(parameter.name);
      const places = this.#update.places?.(parameter) ?? null;
      const step = {
        learningRate: this.#update.learningRate * parameter.learningRateFactor,
        count: updates + 1,
        gradientScale,
        decayed: parameter.decayed,
        stream: this.#update.stream(parameter.name),
        ...(projectedIn === undefined ? {} : { projectedIn }),
        ...(places === null ? {} : { places }),
      };
      const resting = this.#restingColumns(parameter);
      const alone = () => this.#change(parameter, value, state, step);
      const { growth = null } = this.#update;
      const change = growth === null ? alone : () => growth.pacing(parameter, alone);
      if (resting > 0) keepingFirst(resting, parameter.value, change);
      else change();
      this.#update.updated?.(parameter);
    }
    release(gradients);
  }

  #restingColumns(parameter: Parameter): number {
    return this.#update.restingColumns?.(parameter) ?? 0;
  }

  #change({ value, coded }: Parameter, gradient: Tensor, state: OptimizerState, step: UpdateStep) {
    const optimizer = this.#optimizer;
    switch (coded?.type) {
      case undefined:
        return optimizer.update(value, gradient, state, step);
      case 'Groups':
        return this.#changeGroups({ codes: value, ...coded.parts }, gradient, state, step);
      case 'Codebook':
        return codebooksOf(optimizer).update(
          { codes: value, ...coded.parts },
          gradient,
          state,
          step,
        );
    }
  }

  /**
   * A low-rank change goes directly into the quantized values; any other decodes the matrix,
   * updates it, and rounds it stochastically.
   */
  #changeGroups(coded: Coded, gradient: Tensor, state: OptimizerState, step: UpdateStep): void {
    const optimizer = this.#optimizer;
    scope(() => {
      const { shape } = coded.codes;
      const change = optimizer.projection?.change(gradient, state, step, shape) ?? null;
      if (change !== null) return changeStochastically_(coded, change, step.stream);
      const exact = decode(coded, 'float32');
      optimizer.update(exact, gradient, state, step);
      quantizeStochastically_(coded, exact, 8, step.stream);
    });
  }
}

/** Moments and decay would move columns that have no gradient. */
function keepingFirst(columns: number, value: Tensor, change: () => void): void {
  scope(() => {
    const first = ops.narrow(value, 1, 0, columns);
    const before = ops.clone(first);
    change();
    ops.copy_(first, before);
  });
}

/** Values of float64 scalars, all read at once. */
function valuesOf(scalars: readonly Tensor[]): readonly number[] {
  return scalars.length === 0 ? [] : scope(() => toArray(ops.stack(scalars)));
}

/** Sum of squares over all tensors, each reduced in float32 at least, added in float64. */
function squaredNorm(tensors: readonly Tensor[]): Tensor {
  return scope(() => {
    if (tensors.length === 0) return ops.zeros([], { dtype: 'float64' });
    const norms = tensors.map((tensor) => ops.to(normOf(tensor), 'float64'));
    return ops.sum(ops.square(ops.stack(norms)));
  });
}

function normOf(tensor: Tensor): Tensor {
  const dtype = tensor.dtype === 'bfloat16' ? 'float32' : tensor.dtype;
  return ops.linalgVectorNorm(tensor, 2, null, false, { dtype });
}

function release(gradients: readonly Gradient[]): void {
  for (const { value } of gradients) value.dispose();
}

/** Takes gradients layer by layer, each once it is complete. */
export type StepUpdateSink = Pick<StepUpdate, 'offer' | 'finish'> &
  Partial<Pick<StepUpdate, 'projector'>>;

/** Whatever takes the gradients of steps. */
export interface Updates {
  begin(update: Update): StepUpdateSink;
}
