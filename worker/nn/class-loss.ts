// Cross entropy of classes, by the logs of their probabilities.
import type { LossSums } from '../engine/network.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** Of `logs [rows, classes]`: the loss of each row, and the sums over all. */
export function classLoss(
  logs: Tensor,
  labels: Tensor,
): { readonly rows: Tensor; readonly sums: LossSums & { readonly correct: Tensor } } {
  return scope(() => {
    const rows = ops.neg(ops.squeeze(ops.gather(logs, 1, ops.unsqueeze(labels, 1)), 1));
    const right = ops.eq(ops.argmax(logs, 1), labels);
    const total = (values: Tensor): Tensor => ops.sum(ops.to(values, 'float64'));
    return { rows, sums: { loss: total(rows), correct: total(right) } };
  });
}

/** The gradient of `logs` in the loss of all rows times `scale`. */
export function classGradient(logs: Tensor, labels: Tensor, scale: number): Tensor {
  return ops.scatterScalar_(ops.zerosLike(logs), 1, ops.unsqueeze(labels, 1), -scale);
}

/** What such a model learns from. */
export const fromClasses = 'the classes of its data alone; it has no teacher';
