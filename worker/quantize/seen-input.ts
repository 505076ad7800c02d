// What is kept of an input of linear layers: its Gram matrix and, where transforms are searched
// for, the largest magnitude of each channel and some of its rows.
import { memoryConstants } from '../../crds/plan/memory-constants.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { InputGram } from './input-gram.ts';
import type { InputGrid } from './rounded-inputs.ts';

/** Rows that trials of a transform are computed with, at most, and one more of each sequence. */
export const { trialRows } = memoryConstants.quantize;

export class SeenInput implements Disposable {
  readonly #gram: InputGram;
  readonly #every: number | null;
  readonly #rows: Tensor[] = [];
  #largest: Tensor | null = null;

  /**
   * `every`: one row of so many is kept; null: none, and no magnitudes either. Inputs that are
   * divided yet are not rounded in the sum, since they are rounded after that.
   */
  constructor(x: Tensor, rounded: InputGrid | null = null, every: number | null = null) {
    this.#gram = new InputGram(x, every === null ? rounded : null);
    this.#every = every;
  }

  add(x: Tensor): void {
    this.#gram.add(x);
    if (this.#every === null) return;
    const every = this.#every;
    const { largest, rows } = scope(() => {
      const wide = ops.to(ops.amax(ops.abs(x), [0]), 'float32');
      const before = this.#largest;
      const [tokens = 0] = x.shape;
      // The first token of a sequence is seldom like the others.
      const first = Math.min(tokens - 1, every >> 1);
      const count = Math.ceil((tokens - first) / every);
      const places = ops.arange(first, first + count * every, every, { dtype: 'int64' });
      return {
        largest: before === null ? wide : ops.maximum(before, wide),
        rows: ops.to(ops.indexSelect(x, 0, places), 'float32', false, true),
      };
    });
    this.#largest?.dispose();
    this.#largest = keep(largest);
    this.#rows.push(keep(rows));
  }

  /** As InputGram has it. */
  get whole(): Tensor {
    return this.#gram.whole;
  }

  /** Of each channel: float32 `[I]`. */
  get largest(): Tensor | null {
    return this.#largest;
  }

  /** Some of the rows: float32 `[·, I]`. */
  rows(): Tensor {
    return ops.cat(this.#rows);
  }

  [Symbol.dispose](): void {
    this.#gram[Symbol.dispose]();
    this.#largest?.dispose();
    for (const each of this.#rows) each.dispose();
  }
}
