// A quantized parameter as one run of bytes: its codes, then scales and the other tensors that
// decode them. So it has one owner and needs one collective.

import type { Parameter } from '../engine/parameters.ts';
import { withParts } from '../methods/weights/coding.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** Tensors begin at multiples of this, so that views of any type are aligned. */
const alignment = 64;

/** All tensors of a parameter: its value, and what decodes it. */
export function tensorsOf({ value, coded }: Parameter): readonly Tensor[] {
  return [value, ...Object.values(coded?.parts ?? {})];
}

export function bytesOf(parameter: Parameter): number {
  return tensorsOf(parameter).reduce((sum, { bytes }) => sum + aligned(bytes), 0);
}

/** The parameter with views of `bytes` as its tensors; copies nothing. */
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
