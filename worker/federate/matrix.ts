// Small dense algebra in float64, in plain JavaScript: one fixed order of sums, so that an
// aggregation has the same bits on every processor and for any number of threads.
import { invariant } from '../../crds/failures/errors.ts';

/** In row order. */
export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly values: Float64Array;
}

export function matrix(rows: number, columns: number, values: ArrayLike<number>): Matrix {
  invariant(values.length === rows * columns, `${values.length} values are no ${rows}x${columns}`);
  return { rows, columns, values: Float64Array.from(values) };
}

function zeros(rows: number, columns: number): Matrix {
  return { rows, columns, values: new Float64Array(rows * columns) };
}

/** `sum_i weights[i] parts[i]`, added up in the order of the parts. */
export function weightedSum(weights: readonly number[], parts: readonly Matrix[]): Matrix {
  const [first] = parts;
  invariant(first !== undefined, 'a sum has at least one part');
  const sum = zeros(first.rows, first.columns);
  for (const [i, part] of parts.entries()) {
    requireAlike(part, first);
    const weight = weights[i] ?? 0;
    for (let at = 0; at < sum.values.length; at += 1) {
      sum.values[at] = (sum.values[at] ?? 0) + weight * (part.values[at] ?? 0);
    }
  }
  return sum;
}

/** `a - b` */
export function minus(a: Matrix, b: Matrix): Matrix {
  return weightedSum([1, -1], [a, b]);
}

export function times(a: Matrix, factor: number): Matrix {
  return { ...a, values: a.values.map((value) => value * factor) };
}

/** `a b` */
export function product(a: Matrix, b: Matrix): Matrix {
  invariant(a.columns === b.rows, `${a.columns} columns by ${b.rows} rows`);
  const out = zeros(a.rows, b.columns);
  for (let i = 0; i < a.rows; i += 1) {
    for (let k = 0; k < a.columns; k += 1) {
      const left = a.values[i * a.columns + k] ?? 0;
      for (let j = 0; j < b.columns; j += 1) {
        const at = i * b.columns + j;
        out.values[at] = (out.values[at] ?? 0) + left * (b.values[k * b.columns + j] ?? 0);
      }
    }
  }
  return out;
}

export function transposed(a: Matrix): Matrix {
  const out = zeros(a.columns, a.rows);
  for (let i = 0; i < a.rows; i += 1) {
    for (let j = 0; j < a.columns; j += 1) {
      out.values[j * a.rows + i] = a.values[i * a.columns + j] ?? 0;
    }
  }
  return out;
}

/** One below the other. */
export function stackedRows(parts: readonly Matrix[]): Matrix {
  const columns = parts[0]?.columns ?? 0;
  const rows = parts.reduce((sum, part) => sum + part.rows, 0);
  const out = zeros(rows, columns);
  let at = 0;
  for (const part of parts) {
    invariant(part.columns === columns, `${part.columns} columns below ${columns}`);
    out.values.set(part.values, at);
    at += part.values.length;
  }
  return out;
}

/** Side by side. */
export function stackedColumns(parts: readonly Matrix[]): Matrix {
  return transposed(stackedRows(parts.map(transposed)));
}

/** As float32 has it. */
export function rounded(a: Matrix): Matrix {
  return { ...a, values: a.values.map(Math.fround) };
}

export function norm({ values }: Matrix): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
}

/**
 * The norm of `left right` without forming it: the trace of the product of both Gram matrices. Of
 * thin factors; below some 1e-8 of their own norms it is rounding.
 */
export function productNorm(left: Matrix, right: Matrix): number {
  invariant(left.columns === right.rows, `${left.columns} columns by ${right.rows} rows`);
  const [ofLeft, ofRight] = [gram(transposed(left)), gram(right)];
  const trace = ofLeft.values.reduce(
    (sum, value, at) => sum + value * (ofRight.values[at] ?? 0),
    0,
  );
  return Math.sqrt(Math.max(0, trace));
}

/** `a a^T` */
export function gram(a: Matrix): Matrix {
  const out = zeros(a.rows, a.rows);
  for (let i = 0; i < a.rows; i += 1) {
    for (let j = 0; j <= i; j += 1) {
      let sum = 0;
      for (let k = 0; k < a.columns; k += 1) {
        sum += (a.values[i * a.columns + k] ?? 0) * (a.values[j * a.columns + k] ?? 0);
      }
      out.values[i * a.rows + j] = sum;
      out.values[j * a.rows + i] = sum;
    }
  }
  return out;
}

/** `x` of `x s = b`, for a positive definite `s`, by Cholesky. */
export function solveRight(b: Matrix, s: Matrix): Matrix {
  const lower = cholesky(s);
  const n = s.rows;
  const at = (i: number, j: number): number => lower.values[i * n + j] ?? 0;
  const x = { ...b, values: b.values.slice() };
  for (let row = 0; row < b.rows; row += 1) {
    const own = x.values.subarray(row * n, (row + 1) * n);
    for (let i = 0; i < n; i += 1) {
      let value = own[i] ?? 0;
      for (let k = 0; k < i; k += 1) value -= at(i, k) * (own[k] ?? 0);
      own[i] = value / at(i, i);
    }
    for (let i = n - 1; i >= 0; i -= 1) {
      let value = own[i] ?? 0;
      for (let k = i + 1; k < n; k += 1) value -= at(k, i) * (own[k] ?? 0);
      own[i] = value / at(i, i);
    }
  }
  return x;
}

function cholesky(s: Matrix): Matrix {
  const n = s.rows;
  const lower = zeros(n, n);
  const at = (i: number, j: number): number => lower.values[i * n + j] ?? 0;
  for (let i = 0; i < n; i += 1) {
    for (let j = 0; j <= i; j += 1) {
      let value = s.values[i * n + j] ?? 0;
      for (let k = 0; k < j; k += 1) value -= at(i, k) * at(j, k);
      invariant(i !== j || value > 0, 'the matrix is not positive definite');
      lower.values[i * n + j] = i === j ? Math.sqrt(value) : value / at(j, j);
    }
  }
  return lower;
}

export function plusDiagonal(a: Matrix, added: number): Matrix {
  return {
    ...a,
    values: a.values.map((value, at) => (at % (a.columns + 1) === 0 ? value + added : value)),
  };
}

function requireAlike(a: Matrix, b: Matrix): void {
  invariant(
    a.rows === b.rows && a.columns === b.columns,
    `a matrix is ${a.rows}x${a.columns} and another one ${b.rows}x${b.columns}`,
  );
}
