// The optimizer axis: how a complete gradient updates its parameter.
import { Bug } from '../../../crds/failures/errors.ts';
import type { World } from '../../engine/world.ts';
import type { DType } from '../../tensor/dtype.ts';
import type { Stream } from '../../tensor/streams.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { ProductChange } from '../weights/affine-groups.ts';
import type { CodebookMatrix } from '../weights/codebook.ts';

/** Tensors that an optimizer keeps for one parameter, by suffix; checkpoints save them under it. */
export type OptimizerState = Readonly<Record<string, Tensor>>;

export interface UpdateStep {
  /** Scheduled learning rate times the parameter's own factor. */
  readonly learningRate: number;
  /** Updates so far including this one, from 1: the exponent of bias corrections. */
  readonly count: number;
  /** Factor to apply to the gradient first (clipping). */
  readonly gradientScale: number;
  /** Whether weight decay applies to this parameter. */
  readonly decayed: boolean;
  /** Names the random numbers of this update (stochastic rounding). */
  readonly stream: Stream;
  /** For a projected gradient: the type in which it was projected. */
  readonly projectedIn?: DType;
  /** For single values of a matrix: their places in it, in row order, int32. */
  readonly places?: Tensor;
}

/** The role of a parameter, for optimizers that treat some differently. */
interface ParameterRole {
  /** A weight of a linear layer inside a block: not embedding, head, norm or bias. */
  readonly isBlockMatrix: boolean;
  /** Values of the complete parameter, where `value` is a shard. @default those of `value` */
  readonly count?: number;
  /** Shape `[out, in]` of the matrix that the values are single ones of. */
  readonly within?: readonly [number, number];
}

export interface Optimizer {
  readonly name: string;
  /**
   * New state for a parameter with this value, or for a flat shard of one. The state of a shard has
   * one value for each of its elements, or for each cell of 256.
   */
  initialize(value: Tensor, role?: ParameterRole): OptimizerState;
  /**
   * Updates `value` and `state` in place; `gradient` has the shape of `value` or is projected, and
   * may be overwritten.
   */
  update(value: Tensor, gradient: Tensor, state: OptimizerState, step: UpdateStep): void;
  /** After the updates of a step: frees what only they needed. */
  endStep?(): void;
  /** For an optimizer that takes gradients of matrices in subspaces. */
  readonly projection?: Projection;
  /** For an optimizer that trains codes into codebooks. */
  readonly codebooks?: CodebookOptimizer;
  /**
   * Reports on the updates since the last call: `0.03 % of codes changed`; null for nothing.
   * Collective: `sum` adds up over the ranks.
   */
  describe?(sum: World['sum']): string | null;
}

/**
 * Computes the projection of the gradient `dy^T x` of a matrix from `dy [T, O]` and `x [T, I]`.
 */
export type Projector = (dy: Tensor, x: Tensor) => Tensor;

interface Projection {
  /**
   * Projects without the full gradient. Null where the full gradient is needed: the parameter is
   * not projected, its subspace is due for a refresh, or this would be more work. `updates` is the
   * number of earlier updates of the parameter `[O, I]`, `tokens` is T over all micro-batches.
   */
  projector(
    state: OptimizerState,
    updates: number,
    shape: readonly number[],
    tokens: number,
  ): Projector | null;
  /**
   * Projects a full gradient, after refreshing the subspace where that is due. Null for a parameter
   * that is not projected, and for a refresh from a gradient that is not finite.
   */
  project(gradient: Tensor, state: OptimizerState, updates: number): Tensor | null;
  /**
   * Updates `state` by the projected gradient `low` and returns the change of the matrix `[O, I]`
   * as a product. Null for a parameter that is not projected.
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
   * Updates matrix and state in place; `gradient [O, J g]` is that of the decoded matrix, and may
   * be overwritten.
   */
  update(matrix: CodebookMatrix, gradient: Tensor, state: OptimizerState, step: UpdateStep): void;
}

export function codebooksOf({ codebooks, name }: Optimizer): CodebookOptimizer {
  if (codebooks === undefined) throw new Bug(`${name} cannot train codes into codebooks`);
  return codebooks;
}
