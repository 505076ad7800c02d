// A parameter that is stored in codes as one run of bytes: its codes, and behind them what makes
// numbers of them. So they have one owner, and travel as one.

import type { Parameter } from '../engine/parameters.ts';
import { withParts } from '../methods/weights/coding.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** Each tensor begins at a whole multiple of these: values of any type may lie there. */
const alignment = 64;

/** The tensors of a parameter: its value, or its codes and their parts. */
export function tensorsOf({ value, coded }: Parameter): readonly Tensor[] {
  return [value, ...Object.values(coded?.parts ?? {})];
}

export function bytesOf(parameter: Parameter): number {
  return tensorsOf(parameter).reduce((sum, { bytes }) => sum + aligned(bytes), 0);
}

/** The parameter with views of `bytes` in the place of its tensors; nothing is copied. */
export function laidOver(bytes: Tensor, parameter: Parameter): Parameter {
  let at = 0;
  const take = (like: Tensor): Tensor => {
    const view = scope(() => {
      const own = ops.narrow(bytes, 0, at, like.bytes);
      return ops.view(ops.viewDtype(own, like.dtype), like.shape);
    });
    at += aligned(like.bytes);
    return keep(view);
  };
  const value = take(parameter.value);
  const { coded } = parameter;
  return coded === undefined
    ? { ...parameter, value }
    : { ...parameter, value, coded: withParts(coded, take) };
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / alignment) * alignment;
}
