// How far two programs may be apart.
import * as ops from '../../worker/tensor/ops.generated.ts';
import { item, type Tensor } from '../../worker/tensor/tensor.ts';

/** The acceptance figure of the project for float32; logits are of size 10. */
export const tolerance = 1e-4;

export const largestGap = (a: Tensor, b: Tensor): number => item(ops.amax(ops.abs(ops.sub(a, b))));
