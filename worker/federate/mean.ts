// What clients trained becomes one adapter. All pure, in float64, over clients in one order:
//
//   FedAvg     A = <A>, B = <B>                         <BA> differs by the covariance of both
//   FFA-LoRA   B = <B>, A was never trained             exact
//   FLoRA      A = [p_i s_i A_i], B = [B_i], stacked    exact, for any ranks
//   Fed-SB     R = <R>, A and B were never trained      exact
//   LoRA-FAIR  as FedAvg, B corrected by lora-fair.ts   the best in the row space of <A>
//
// where <X> = sum_i p_i X_i. Papers: FedIT (Zhang et al. 2023), FFA-LoRA (Sun et al. 2024), FLoRA
// (Wang et al. 2024), Fed-SB (Singhal et al. 2025), LoRA-FAIR (Bian et al. 2024).
import { invariant } from '../../crds/failures/errors.ts';
import {
  type Matrix,
  minus,
  norm,
  product,
  productNorm,
  stackedColumns,
  stackedRows,
  times,
  weightedSum,
} from './matrix.ts';

/** The change of a layer is `scale B A`. */
export interface Factors {
  /** `[r, in]` */
  readonly A: Matrix;
  /** `[out, r]` */
  readonly B: Matrix;
}

export interface Scaled extends Factors {
  readonly scale: number;
}

/** Of clients in one order, from the number of their records; they add up to 1. */
export function weightsOf(
  rule: 'Samples' | 'Uniform',
  clients: readonly { readonly samples: number }[],
): readonly number[] {
  const shares = clients.map(({ samples }) => (rule === 'Uniform' ? 1 : samples));
  const all = shares.reduce((sum, share) => sum + share, 0);
  invariant(all > 0, 'no client has a record');
  return shares.map((share) => share / all);
}

/** Both factors by themselves. */
export function meanOfFactors(weights: readonly number[], clients: readonly Factors[]): Factors {
  return {
    A: weightedSum(
      weights,
      clients.map(({ A }) => A),
    ),
    B: weightedSum(
      weights,
      clients.map(({ B }) => B),
    ),
  };
}

/** Weights and scales are folded into A alone: in both they would count twice. */
export function stackedFactors(weights: readonly number[], clients: readonly Scaled[]): Factors {
  return {
    A: stackedRows(clients.map(({ A, scale }, i) => times(A, (weights[i] ?? 0) * scale))),
    B: stackedColumns(clients.map(({ B }) => B)),
  };
}

/**
 * How far `B A` of `global` is from the mean of the clients' products, and how large the mean is:
 *
 *   <B_i A_i> - B A = B (<A_i> - A) + (<B_i> - B) A + <(B_i - B) (A_i - A)>
 *
 * of differences alone, so that nothing large cancels.
 */
export function errorOfMean(
  weights: readonly number[],
  clients: readonly Factors[],
  global: Factors,
): Gap {
  const dA = clients.map(({ A }) => minus(A, global.A));
  const dB = clients.map(({ B }) => minus(B, global.B));
  const left = stackedColumns([global.B, weightedSum(weights, dB), ...dB]);
  const right = stackedRows([
    weightedSum(weights, dA),
    global.A,
    ...dA.map((one, i) => times(one, weights[i] ?? 0)),
  ]);
  return { error: productNorm(left, right), size: sizeOfMean(weights, clients) };
}

export interface Gap {
  /** Frobenius norms: of the difference, and of the mean of the clients' products. */
  readonly error: number;
  readonly size: number;
}

function sizeOfMean(weights: readonly number[], clients: readonly Factors[]): number {
  const { A, B } = stackedFactors(
    weights,
    clients.map((client) => ({ ...client, scale: 1 })),
  );
  return productNorm(B, A);
}

/** Of a stack whose A was rounded; the columns of B are those of the clients. */
export function errorOfStack(
  weights: readonly number[],
  clients: readonly Scaled[],
  stack: Factors,
): Gap {
  const exact = stackedFactors(weights, clients);
  return {
    error: productNorm(exact.B, minus(stack.A, exact.A)),
    size: productNorm(exact.B, exact.A),
  };
}

/** Of cores between factors that all share. */
export function errorOfCores(
  weights: readonly number[],
  cores: readonly Matrix[],
  global: Matrix,
  { A, B }: Factors,
): Gap {
  const exact = weightedSum(weights, cores);
  return {
    error: productNorm(product(B, minus(exact, global)), A),
    size: productNorm(product(B, exact), A),
  };
}

/** Over all layers, as a part of the mean change; 0 where nothing changed. */
export function relativeError(gaps: readonly Gap[]): number {
  const total = (of: (gap: Gap) => number): number =>
    Math.sqrt(gaps.reduce((sum, gap) => sum + of(gap) ** 2, 0));
  const size = total((gap) => gap.size);
  return size === 0 ? 0 : total((gap) => gap.error) / size;
}

/** Of all that was trained, beside where it began; without a beginning, of all values. */
export function normOfUpdate(
  trained: ReadonlyMap<string, Matrix>,
  beginning: ReadonlyMap<string, Matrix>,
): number {
  const squares = [...trained].map(([name, value]) => {
    const from = beginning.get(name);
    return norm(from === undefined ? value : minus(value, from)) ** 2;
  });
  return Math.sqrt(squares.reduce((sum, square) => sum + square, 0));
}
