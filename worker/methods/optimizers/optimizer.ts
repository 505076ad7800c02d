// The optimizer axis: what happens to a parameter once its gradient is whole.
import { Bug } from '../../../crds/failures/errors.ts';
import type { World } from '../../sharding/world.ts';
import type { DType } from '../../tensor/dtype.ts';
import type { Stream } from '../../tensor/rng.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { ProductChange } from '../weights/affine-groups.ts';
import type { CodebookMatrix } from '../weights/codebook.ts';

/** Tensors an optimizer keeps for one parameter, by suffix; saved in checkpoints under them. */
export type OptimizerState = Readonly<Record<string, Tensor>>;

export interface UpdateStep {
  /** Scheduled learning rate times the parameter's own factor. */
  readonly learningRate: number;
  /** Updates done so far with this one, from 1: the exponent of bias corrections. */
  readonly count: number;
  /** Multiplies the gradient first: the clip factor. */
  readonly gradientScale: number;
  /** Whether weight decay applies to this parameter. */
  readonly decayed: boolean;
  /** Names the random numbers of this update (stochastic rounding). */
  readonly stream: Stream;
  /** Where the gradient has been projected: the type in which it was. */
  readonly projectedIn?: DType;
}

/** What a parameter is to an optimizer that treats some in a way of their own. */
interface ParameterRole {
  /** A weight of a linear layer inside a block; not the embedding, the head, a norm or a bias. */
  readonly isBlockMatrix: boolean;
  /**
   * Values of the whole parameter, where `value` may be a shard of it. @default those of the value
   */
  readonly count?: number;
}

export interface Optimizer {
  readonly name: string;
  /**
   * Fresh state for a parameter with this value, or for a flat shard of one. State of a shard has a
   * value for each of its own, or for each cell of 256 of them.
   */
  initialize(value: Tensor, role?: ParameterRole): OptimizerState;
  /**
   * Changes `value` and `state` in place; `gradient` has the shape of `value`, or what `projection`
   * makes of that, and may be used up.
   */
  update(value: Tensor, gradient: Tensor, state: OptimizerState, step: UpdateStep): void;
  /** After the updates of a step: gives back what only they needed. */
  endStep?(): void;
  /**
   * Where it takes the gradients of matrices in a subspace alone; absent where it takes all of them
   * as they are.
   */
  readonly projection?: Projection;
  /** For matrices that are stored as codes into codebooks; absent where it knows values alone. */
  readonly codebooks?: CodebookOptimizer;
  /**
   * What it says of the updates since it was last asked: `0.03 % of codes changed`. Null where
   * there is nothing to say. `sum` adds up over the ranks, all of which are asked.
   */
  describe?(sum: World['sum']): string | null;
}

/**
 * Makes what an update takes in place of the gradient `dy^T x` of a matrix, of `dy [T, O]` and `x
 * [T, I]`.
 */
export type Projector = (dy: Tensor, x: Tensor) => Tensor;

interface Projection {
  /**
   * Without ever making the gradient. Null where that is wanted: for a parameter that is taken as
   * it is, for an update that chooses its subspace, and where it would be more work. `updates`: how
   * many the parameter `[O, I]` has had; `tokens`: T of all micro-batches.
   */
  projector(
    state: OptimizerState,
    updates: number,
    shape: readonly number[],
    tokens: number,
  ): Projector | null;
  /**
   * From the gradient, of which the subspace is chosen first where that is due. Null for a
   * parameter that is taken as it is, and where directions would be evaluated for in what is not
   * finite.
   */
  project(gradient: Tensor, state: OptimizerState, updates: number): Tensor | null;
  /**
   * Changes `state` by the projected gradient `low`, and gives the change of the matrix `[O, I]`,
   * for who need not have its values at once. Null for a parameter that is taken as it is.
   */
  change(
    low: Tensor,
    state: OptimizerState,
    step: UpdateStep,
    shape: readonly number[],
  ): ProductChange | null;
}

interface CodebookOptimizer {
  initialize(matrix: CodebookMatrix): OptimizerState;
  /**
   * Changes matrix and state in place; `gradient` is that of the values that the codes stand for,
   * `[O, J g]`, and may be used up.
   */
  update(matrix: CodebookMatrix, gradient: Tensor, state: OptimizerState, step: UpdateStep): void;
}

export function codebooksOf({ codebooks, name }: Optimizer): CodebookOptimizer {
  if (codebooks === undefined) throw new Bug(`${name} cannot train codes into codebooks`);
  return codebooks;
}
