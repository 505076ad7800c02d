// Tells prompts of a task from those that a base generates from a few of them: logistic regression
// with a ridge, on features that are scaled to deviation 1.
//
//   minimize over w, b   mean over i of log(1 + exp(-y_i f_i)) + lambda / 2 (|w|^2 + b^2)
//   f_i = w x_i + b      solved in the space of the examples, w = X^T a, b = sum a, by Newton:
//   a = (K + n lambda W^-1)^-1 (f + W^-1 (t - p)),   K = X X^T + 1,   W = p (1 - p)
//
// There are fewer examples than features, so this is the smaller system. All in float64, in one
// order of sums: the same bits for any number of threads.
import { Bug } from '../../crds/failures/errors.ts';
import type { Discriminator } from '../../crds/wire/transfer.ts';

export type Features = readonly number[];

/**
 * As heavy as the loss of all examples where features have deviation 1: some hundred examples do
 * not decide as many weights as a hidden state has.
 */
const ridge = 1;
const mostIterations = 100;
/** Of probabilities between two iterations. */
const tolerance = 1e-10;
/** Of a feature that hardly varies, which is left out so. */
const leastDeviation = 1e-8;

type Fitted = Pick<Discriminator, 'mean' | 'scale' | 'weights' | 'bias'>;

export function fitDiscriminator(
  real: readonly Features[],
  generated: readonly Features[],
): Fitted {
  const examples = [...real, ...generated];
  const n = examples.length;
  const count = examples[0]?.length ?? 0;
  const columns = Array.from({ length: count }, (_, i) => examples.map((one) => one[i] ?? 0));
  const mean = columns.map((column) => sum(column) / n);
  const scale = columns.map((column, i) => {
    const deviation = Math.sqrt(sum(column.map((x) => (x - (mean[i] ?? 0)) ** 2)) / n);
    return deviation < leastDeviation ? Number.MAX_VALUE : deviation;
  });
  const rows = examples.map((one) => scaled(one, mean, scale));
  const kernel = rows.map((a) => rows.map((b) => dot(a, b) + 1));
  const targets = examples.map((_, i) => (i < real.length ? 1 : 0));
  const duals = newton(kernel, targets);
  const weights = columns.map((_, i) => sum(rows.map((row, j) => (row[i] ?? 0) * (duals[j] ?? 0))));
  return { mean, scale, weights, bias: sum(duals) };
}

/** Between 0 and 1: how sure it is that the prompt is one of the task. */
export function probabilityOf({ mean, scale, weights, bias }: Fitted, features: Features): number {
  if (features.length !== weights.length) throw new Bug('features of another length');
  return sigmoid(dot(scaled(features, mean, scale), weights) + bias);
}

/** Chance that a real one is rated above a generated one; ties count half. */
export function areaUnderCurve(real: readonly number[], generated: readonly number[]): number {
  let above = 0;
  for (const a of real) for (const b of generated) above += a > b ? 1 : a === b ? 0.5 : 0;
  return above / (real.length * generated.length);
}

function newton(kernel: readonly Features[], targets: readonly number[]): Features {
  const n = targets.length;
  let duals: Features = targets.map(() => 0);
  let before = targets.map(() => 0.5);
  for (let iteration = 0; iteration < mostIterations; iteration += 1) {
    const f = kernel.map((row) => dot(row, duals));
    const spread = before.map((p) => 1 / Math.max(p * (1 - p), 1e-12));
    const wanted = f.map((x, i) => x + (spread[i] ?? 0) * ((targets[i] ?? 0) - (before[i] ?? 0)));
    const matrix = kernel.map((row, i) =>
      row.map((x, j) => (i === j ? x + n * ridge * (spread[i] ?? 0) : x)),
    );
    duals = solve(matrix, wanted);
    const next = kernel.map((row) => sigmoid(dot(row, duals)));
    const moved = Math.max(...next.map((p, i) => Math.abs(p - (before[i] ?? 0))));
    before = next;
    if (moved < tolerance) break;
  }
  return duals;
}

/** Of a symmetric positive definite matrix, by Cholesky. */
function solve(matrix: readonly Features[], right: Features): Features {
  const n = right.length;
  const lower: Float64Array[] = matrix.map(() => new Float64Array(n));
  const at = (i: number, j: number): number => lower[i]?.[j] ?? 0;
  for (let i = 0; i < n; i += 1) {
    const own = lower[i];
    if (own === undefined) throw new Bug('a matrix without a row');
    for (let j = 0; j <= i; j += 1) {
      let rest = matrix[i]?.[j] ?? 0;
      const other = lower[j] ?? own;
      for (let k = 0; k < j; k += 1) rest -= (own[k] ?? 0) * (other[k] ?? 0);
      own[j] = i === j ? Math.sqrt(rest) : rest / at(j, j);
    }
  }
  const y = new Float64Array(n);
  for (let i = 0; i < n; i += 1) {
    let rest = right[i] ?? 0;
    for (let k = 0; k < i; k += 1) rest -= at(i, k) * (y[k] ?? 0);
    y[i] = rest / at(i, i);
  }
  const x = new Float64Array(n);
  for (let i = n - 1; i >= 0; i -= 1) {
    let rest = y[i] ?? 0;
    for (let k = i + 1; k < n; k += 1) rest -= at(k, i) * (x[k] ?? 0);
    x[i] = rest / at(i, i);
  }
  return [...x];
}

function scaled(features: Features, mean: Features, scale: Features): Features {
  return features.map((x, i) => (x - (mean[i] ?? 0)) / (scale[i] ?? 1));
}

function dot(a: Features, b: Features): number {
  let total = 0;
  for (let i = 0; i < a.length; i += 1) total += (a[i] ?? 0) * (b[i] ?? 0);
  return total;
}

function sum(values: Features): number {
  return values.reduce((total, x) => total + x, 0);
}

function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}
