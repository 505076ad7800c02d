// Checks a file of a few bits a weight. Its logits are far from those of the trained model, as they
// must be, so they say little about whether it is right. Instead each tensor that was read back
// must be, value by value, what the codes of the trained tensor decode to; then the codes are
// undone, and the model that is left is compared as one that was not quantized.
import type { Model } from '../engine/model.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { item, type Tensor } from '../tensor/tensor.ts';
import { differs } from './reload-check.ts';

export interface CodedTensor {
  readonly name: string;
  /** All rows in order, each panel disposed before the next. */
  panels(): Iterable<Tensor>;
  /** What the codes of these rows, which begin at `first`, decode to, in float32. */
  decoded(rows: Tensor, first: number): Tensor;
}

/**
 * Requires that `copy` has what the codes of `tensors` decode to, and replaces it there by what was
 * coded.
 */
export function undoCodes_(format: string, tensors: readonly CodedTensor[], copy: Model): void {
  for (const tensor of tensors) {
    const whole = copy.parameters.value(tensor.name);
    let first = 0;
    for (const panel of tensor.panels()) {
      using own = panel;
      const count = own.shape[0] ?? 0;
      scope(() => {
        const read = ops.narrow(whole, 0, first, count);
        const expected = ops.to(tensor.decoded(own, first), read.dtype);
        if (item(ops.all(ops.eq(read, expected))) === 0) {
          throw differs(
            `${format}, read back, has values in ${tensor.name} that are not those of its codes`,
          );
        }
        ops.copy_(read, own);
      });
      first += count;
    }
  }
}
