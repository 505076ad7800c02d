// Weights on a grid whose step trains (LSQ, Esser et al. 2020), one step for each output channel:
//   v = clamp(w / s, -2^(b-1), 2^(b-1) - 1)     w' = round(v) s     s = exp(t)
// The gradient passes straight through rounding. t trains, so that a step stays above zero and a
// learning rate is relative to it.
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { mostInteger, type Width } from './space.ts';

/** Steps `[out, 1]` that cut no value of `weight [out, inputs]`; 1 for a row of zeros. */
export function fittedSteps(weight: Tensor, bits: Width): Tensor {
  return scope(() => {
    const largest = ops.amax(ops.abs(ops.detach(weight)), [1], true);
    return ops.maskedFill_(ops.divScalar(largest, mostInteger(bits)), ops.eqScalar(largest, 0), 1);
  });
}

/** The integers of `weight [out, inputs]`, whole numbers in its type. */
export function integersOf(weight: Tensor, logStep: Tensor, bits: Width): Tensor {
  const v = ops.clamp(ops.div(weight, stepsOf(logStep)), -mostInteger(bits) - 1, mostInteger(bits));
  const own = ops.detach(v);
  // The difference is exact, so the sum is the integer.
  return ops.add(v, ops.sub(ops.round(own), own));
}

/** `w'`; `logStep [out]`. */
export function onLearnedGrid(weight: Tensor, logStep: Tensor, bits: Width): Tensor {
  return ops.mul(integersOf(weight, logStep, bits), stepsOf(logStep));
}

/** `[out, 1]` */
export function stepsOf(logStep: Tensor): Tensor {
  return ops.unsqueeze(ops.exp(logStep), 1);
}

/** Each value to the nearest on the grid of `steps [out, 1]`, without a gradient. */
export function nearest(weight: Tensor, steps: Tensor, bits: Width): Tensor {
  const own = ops.detach(weight);
  return ops.mul(
    ops.clamp(ops.round(ops.div(own, steps)), -mostInteger(bits) - 1, mostInteger(bits)),
    steps,
  );
}
