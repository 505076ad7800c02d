// LoRA-FAIR: Federated LoRA Fine-Tuning with Aggregation and Initialization Refinement (Bian et al.
// 2024). Factors are averaged, and B gets a residual that brings the product closer to the mean of
// the clients' products:
//   E = <B_i A_i> - B A      dB = argmin |E - dB A|^2 + lambda |dB|^2 = E A^T (A A^T + lambda I)^-1
// Difference: the distance of the paper is a cosine, minimized by gradient steps; this one has a
// closed form, so there is no rate and no number of steps. E, as large as the weight, is not
// formed.

import {
  gram,
  type Matrix,
  minus,
  plusDiagonal,
  product,
  solveRight,
  transposed,
  weightedSum,
} from './matrix.ts';
import type { Factors } from './mean.ts';

/** B with its residual, for the mean of both factors. */
export function correctedB(
  weights: readonly number[],
  clients: readonly Factors[],
  mean: Factors,
  lambda: number,
): Matrix {
  const turned = transposed(mean.A);
  const AA = gram(mean.A);
  const ofClients = weightedSum(
    weights,
    clients.map(({ A, B }) => product(B, product(A, turned))),
  );
  const EA = minus(ofClients, product(mean.B, AA));
  return weightedSum([1, 1], [mean.B, solveRight(EA, plusDiagonal(AA, lambda))]);
}
