// What a way to quantize a layer loses of its outputs on some of its inputs, where each weight is
// rounded to the nearest and scales reach the extremes: to choose among ways before one is taken.
import { fittedSteps, type IntegerGrid, onGrid } from '../methods/weights/learned-step.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { item, type Tensor } from '../tensor/tensor.ts';
import { byOneThread } from '../tensor/threads.ts';

export interface TrialSettings {
  readonly grid: IntegerGrid;
  /** What integers are multiplied with in place of an input. @default the input itself */
  readonly inputs?: ((x: Tensor) => Tensor) | undefined;
}

/** A branch of low rank beside the integers: `x A^T B^T` is added to what they give. */
export interface LowRankBranch {
  /** `[r, I]` */
  readonly A: Tensor;
  /** `[O, r]` */
  readonly B: Tensor;
}

/** What is multiplied in place of a weight: values on the grid, and what is added beside them. */
interface Tried {
  readonly values: Tensor;
  readonly branch: LowRankBranch | null;
}

/** `weight [O, I]` on the grid, but for what is in the branch. */
export function tried(
  weight: Tensor,
  branch: LowRankBranch | null,
  { grid }: Pick<TrialSettings, 'grid'>,
): Tried {
  const values = scope(() => {
    const rest = branch === null ? weight : ops.sub(weight, branchMatrix(branch));
    return onGrid(rest, fittedSteps(rest, grid), grid);
  });
  return { values, branch };
}

/** What columns of an error weigh: how large their inputs are; unused ones count for a little. */
export function columnWeights(x: Tensor): Tensor {
  return scope(() => {
    const size = ops.sqrt(ops.meanDim(ops.square(x), [0]));
    const floor = ops.mulScalar(ops.mean(size), 1e-3);
    return ops.maximum(size, ops.addScalar(floor, 1e-20));
  });
}

/** The matrix that is added. */
export function branchMatrix({ A, B }: LowRankBranch): Tensor {
  return scope(() => ops.linear(B, ops.contiguous(ops.t(A))));
}

/** The outputs `y [T, O]` that a layer should have, and the inputs `x [T, I]` that give them. */
export interface Outputs {
  readonly x: Tensor;
  readonly y: Tensor;
}

/** Squared error of the outputs, relative to those that should be. */
export function relativeLoss(
  { x, y }: Outputs,
  { values, branch }: Tried,
  { inputs = (same) => same }: Pick<TrialSettings, 'inputs'>,
): number {
  return scope(() => {
    const lost = ops.sub(ops.linear(inputs(x), values), y);
    if (branch !== null) ops.add_(lost, ops.linear(ops.linear(x, branch.A), branch.B));
    const [error, whole] = [squaredLength(lost), squaredLength(y)];
    return whole === 0 ? error : error / whole;
  });
}

/** The same for any number of threads. */
export function squaredLength(x: Tensor): number {
  return byOneThread(() => item(ops.sum(ops.square(ops.to(x, 'float64')))));
}
