// Adds the gradients of one layer over the micro-batches of a step. A single micro-batch passes
// through unchanged; several are added in float32 where gradients have 16 bits.
import * as ops from '../tensor/ops.generated.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Parameter } from './parameters.ts';

export class GradientSum {
  readonly #parameters: readonly Parameter[];
  readonly #terms: number;
  readonly #sums = new Map<string, Tensor>();

  constructor(parameters: readonly Parameter[], terms: number) {
    this.#parameters = parameters;
    this.#terms = terms;
  }

  /** Takes over one gradient for each parameter; null where a parameter was unused. */
  add(gradients: readonly (Tensor | null)[]): void {
    for (const [index, { name }] of this.#parameters.entries()) {
      const gradient = gradients[index];
      if (gradient === undefined || gradient === null) continue;
      const sum = this.#sums.get(name);
      if (sum === undefined) {
        this.#sums.set(name, this.#terms > 1 ? widened(gradient) : gradient);
      } else {
        ops.add_(sum, gradient);
        gradient.dispose();
      }
    }
  }

  /** The sums, in the order of the parameters, without unused ones. */
  finish(): { readonly parameter: Parameter; readonly value: Tensor }[] {
    return this.#parameters.flatMap((parameter) => {
      const value = this.#sums.get(parameter.name);
      return value === undefined ? [] : [{ parameter, value }];
    });
  }
}

function widened(gradient: Tensor): Tensor {
  if (gradient.dtype !== 'bfloat16') return gradient;
  const wide = ops.to(gradient, 'float32');
  gradient.dispose();
  return wide;
}
