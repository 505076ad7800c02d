// What an adapter adds to a weight, in one of four forms. Forward, merged weights and the file of
// an adapter all follow from it.
import { Bug } from '../../../crds/failures/errors.ts';
import type { Rows } from '../../files/row-panels.ts';
import type { DType } from '../../tensor/dtype.ts';
import * as ops from '../../tensor/ops.generated.ts';
import { item, type Tensor, tensor, toArray } from '../../tensor/tensor.ts';

export type Delta = ProductDelta | ChosenDelta | SparseDelta;

/**
 * `W` becomes `W + scale * B A`, with `A [r, in]` and `B [out, r]`; an adapter with more factors
 * gives their products as A or B.
 */
export interface ProductDelta {
  readonly form: 'product';
  readonly A: Tensor;
  readonly B: Tensor;
  readonly scale: number;
  /** Whether `dropped` returns anything but null. */
  readonly drops: boolean;
  /** The adapter's input after dropout; null where it is `x` itself. */
  dropped(x: Tensor): Tensor | null;
}

/**
 * `scale * value` is added to chosen columns (`value [out, k]`) or rows (`value [k, in]`) of `W`;
 * `index` is `[k]`, int32, without repetition.
 */
interface ChosenDelta {
  readonly form: 'columns' | 'rows';
  readonly index: Tensor;
  readonly value: Tensor;
  readonly scale: number;
}

/**
 * `value [k]` is added to single values of `W`; `index` is `[k]`, int32: places in row order,
 * ascending, without repetition.
 */
interface SparseDelta {
  readonly form: 'sparse';
  readonly index: Tensor;
  readonly value: Tensor;
  readonly scale: 1;
}

/** Factors of an adapter that drops no inputs. */
export function plainDelta(A: Tensor, B: Tensor, scale: number): ProductDelta {
  return { form: 'product', A, B, scale, drops: false, dropped: () => null };
}

interface Factors {
  readonly A: Tensor;
  readonly B: Tensor;
}

/** A and B as the linear layers of the addon take them: an index in place of the chosen side. */
export function operandsOf(delta: Delta): Factors {
  switch (delta.form) {
    case 'product':
      return delta;
    case 'columns':
    case 'sparse':
      return { A: delta.index, B: delta.value };
    case 'rows':
      return { A: delta.value, B: delta.index };
  }
}

/** Whether the change reads a dropped input. */
export function dropsInputs(delta: Delta): boolean {
  return delta.form === 'product' && delta.drops;
}

/** What the change adds to the output `y [T, out]` of its layer for `x [T, in]`. */
export function branchOf(delta: Delta, x: Tensor, y: Tensor): Tensor {
  switch (delta.form) {
    case 'product': {
      const low = ops.linear(delta.dropped(x) ?? x, delta.A);
      return ops.mulScalar(ops.linear(low, delta.B), delta.scale);
    }
    case 'columns': {
      const chosen = ops.indexSelect(x, 1, delta.index);
      return ops.mulScalar(ops.linear(chosen, delta.value), delta.scale);
    }
    case 'rows': {
      const chosen = ops.mulScalar(ops.linear(x, delta.value), delta.scale);
      return ops.indexAdd_(ops.zerosLike(y), 1, delta.index, chosen);
    }
    case 'sparse':
      throw new Bug('single values change inside a product, not beside it');
  }
}

/** Number of rows of A, and columns of B. */
export function rankOf(delta: Delta): number {
  return (delta.form === 'product' ? delta.A : delta.index).shape[0] ?? 0;
}

/** One factor of the change as a product: the chosen side has a one for each place. */
export function factorOf(delta: Delta, factor: 'A' | 'B', size: number): Tensor {
  if (delta.form === 'sparse') throw new Bug('single values are no product');
  const { A, B } = operandsOf(delta);
  if (factor === 'A') return delta.form === 'columns' ? ones(A, size, B.dtype) : A;
  return delta.form === 'rows' ? ops.t(ones(B, size, A.dtype)) : B;
}

/**
 * The change in its form again, from the factors that `factorOf` made of it; a product where the
 * chosen side is not ones and zeros.
 */
export function fromFactors({ form, scale }: Delta, { A, B }: Factors): Delta {
  if (form === 'sparse') return { form, index: A, value: B, scale: 1 };
  if (form === 'product') return plainDelta(A, B, scale);
  const [side, value] = form === 'columns' ? [A, B] : [ops.t(B), A];
  const index = ops.to(ops.argmax(side, 1), 'int32');
  const isChosen = item(ops.all(ops.eq(ones(index, side.shape[1] ?? 0, side.dtype), side))) === 1;
  return isChosen ? { form, index, value, scale } : plainDelta(A, B, scale);
}

/** `[k, size]` with a one in each row, at the place of the index. */
function ones(index: Tensor, size: number, dtype: DType): Tensor {
  const places = ops.unsqueeze(ops.to(index, 'int64'), 1);
  return ops.scatterScalar_(ops.zeros([index.shape[0] ?? 0, size], { dtype }), 1, places, 1);
}

/** Rows of the change without its scale, as a dense matrix of `inputs` columns. */
export function denseChange(delta: Delta, inputs: number, rows: Rows, dtype: DType): Tensor {
  const [first, behind] = rows;
  const count = behind - first;
  if (delta.form === 'product') {
    return ops.mm(ops.to(ops.narrow(delta.B, 0, first, count), dtype), ops.to(delta.A, dtype));
  }
  if (delta.form === 'sparse') return denseValues(delta, inputs, rows, dtype);
  const none = ops.zeros([count, inputs], { dtype });
  if (delta.form === 'columns') {
    const value = ops.to(ops.narrow(delta.value, 0, first, count), dtype);
    return ops.indexAdd_(none, 1, delta.index, value);
  }
  const within = toArray(delta.index).flatMap((row, place) =>
    row >= first && row < behind ? [[row - first, place] as const] : [],
  );
  if (within.length === 0) return none;
  const indices = (of: 0 | 1): Tensor =>
    tensor(
      within.map((pair) => pair[of]),
      [within.length],
      'int64',
    );
  const value = ops.to(ops.indexSelect(delta.value, 0, indices(1)), dtype);
  return ops.indexAdd_(none, 0, indices(0), value);
}

/** Values of other rows go to a place behind the matrix, which is cut off. */
function denseValues(
  { index, value }: SparseDelta,
  inputs: number,
  [first, behind]: Rows,
  dtype: DType,
): Tensor {
  const count = (behind - first) * inputs;
  const places = ops.subScalar(ops.to(index, 'int64'), first * inputs);
  const inside = ops.logicalAnd(ops.geScalar(places, 0), ops.ltScalar(places, count));
  const at = ops.whereScalarOther(inside, places, count);
  const all = ops.zeros([count + 1], { dtype });
  return ops.view(ops.narrow(ops.indexCopy_(all, 0, at, ops.to(value, dtype)), 0, 0, count), [
    behind - first,
    inputs,
  ]);
}
