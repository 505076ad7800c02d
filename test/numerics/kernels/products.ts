// What the tests of matrix products share: operands of any size, type and layout, and how far a
// product with float32 sums may be from the exact one.
import fc from 'fast-check';
import { type DType, dtypeEpsilon } from '../../../worker/tensor/dtype.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { item, type Tensor } from '../../../worker/tensor/tensor.ts';
import { draw, wide } from './compare.ts';

export const stored = ['float32', 'bfloat16'] as const satisfies readonly DType[];
export const layouts = ['dense', 'transposed', 'inside', 'every second'] as const;

export const anyStored = fc.constantFrom(...stored);
export const anyLayout = fc.constantFrom(...layouts);
/** Around the sizes of register tiles and strips, and none at all. */
export const anySize = fc.oneof(fc.integer({ min: 0, max: 70 }), fc.constantFrom(95, 96, 97, 145));
/** One more block of the depth begins beyond 192, 256 or 288. */
export const anyDepth = fc.oneof(anySize, fc.constantFrom(191, 193, 289, 300));

export interface Kind {
  readonly dtype: DType;
  readonly layout: (typeof layouts)[number];
}
export const anyKind: fc.Arbitrary<Kind> = fc.record({ dtype: anyStored, layout: anyLayout });

/** rows x columns values, as a view of the layout. */
export function operand(name: string, rows: number, columns: number, kind: Kind): Tensor {
  switch (kind.layout) {
    case 'dense':
      return draw(name, [rows, columns], kind.dtype);
    case 'transposed':
      return ops.t(draw(name, [columns, rows], kind.dtype));
    case 'inside':
      return ops.narrow(draw(name, [rows, columns + 5], kind.dtype), 1, 2, columns);
    case 'every second':
      return ops.slice(draw(name, [rows, 2 * columns], kind.dtype), 1, 0, 2 * columns, 2);
  }
}

/**
 * The largest share of its allowance that an element of `got` uses up. Sums of `depth` products of
 * a walk of float32 roundings: (4 + sqrt(depth)) units of the sum of magnitudes; then half a unit
 * of the type that holds the result.
 */
export function share(got: Tensor, exact: Tensor, magnitudes: Tensor, depth: number): number {
  if (got.numel === 0) return 0;
  const sums = ops.mulScalar(magnitudes, (4 + Math.sqrt(depth)) * dtypeEpsilon('float32'));
  const rounding = ops.mulScalar(ops.abs(exact), 0.501 * dtypeEpsilon(got.dtype));
  const allowed = ops.addScalar(ops.add(sums, rounding), Number.MIN_VALUE * 2 ** 60);
  return item(ops.amax(ops.div(ops.abs(ops.sub(wide(got), exact)), allowed)));
}

/** The exact product of two matrices and the sums of the magnitudes of its terms. */
export function exactly(a: Tensor, b: Tensor): { product: Tensor; magnitudes: Tensor } {
  return {
    product: ops.mm(wide(a), wide(b)),
    magnitudes: ops.mm(ops.abs(wide(a)), ops.abs(wide(b))),
  };
}
