// Adds up the gradients of side streams over the blocks that read them, for each micro-batch by
// itself. The backward passes blocks from the last to the first, whatever the mode of their tapes,
// so the sum has one order. Several terms are added in float32 where gradients have 16 bits.
import { exactType } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { noSides, type Sides } from './network.ts';

export class SideGradients {
  /** By micro-batch, then by the name of the side. */
  readonly #sums = new Map<number, Map<string, Tensor>>();

  /** Takes over what one block gives. */
  add(sequence: number, gradients: Sides): void {
    for (const [name, gradient] of Object.entries(gradients)) {
      const sums = this.#sums.get(sequence) ?? new Map<string, Tensor>();
      this.#sums.set(sequence, sums);
      const sum = sums.get(name);
      if (sum === undefined) {
        sums.set(name, widened(gradient));
        continue;
      }
      ops.add_(sum, gradient);
      gradient.dispose();
    }
  }

  /** The sums of one stage, which the caller owns; those of the next one begin at nothing. */
  take(sequence: number): Sides {
    const sums = this.#sums.get(sequence);
    this.#sums.delete(sequence);
    return sums === undefined ? noSides : Object.fromEntries(sums);
  }
}

function widened(gradient: Tensor): Tensor {
  const type = exactType(gradient.dtype);
  if (gradient.dtype === type) return gradient;
  const wide = ops.to(gradient, type);
  gradient.dispose();
  return wide;
}
