// What is added up of the inputs of the linear layers of one block. Layers that read one input (q,
// k and v; gate and up) share it.
import type { Tensor } from '../tensor/tensor.ts';

interface Sums extends Disposable {
  /** `x [T, I]`; `rows`: those that count, all when null. */
  add(x: Tensor, rows: Tensor | null): void;
}

/** The inputs of one block, each with the paths of the layers that read it. */
export class BlockInputs<S extends Sums> implements Disposable {
  readonly inputs: { readonly paths: string[]; readonly sums: S | null }[] = [];
  readonly #byPath = new Map<string, S | null>();
  readonly #begin: (x: Tensor, place: number, path: string) => S | null;
  #last: Tensor | null = null;

  /**
   * `begin`: what adds up the input that comes in this place, which the layer of a path reads
   * first; null where another rank does.
   */
  constructor(begin: (x: Tensor, place: number, path: string) => S | null) {
    this.#begin = begin;
  }

  /** Adds the chosen rows of `x [T, I]`, once for all layers that read it. */
  add(path: string, x: Tensor, rows: Tensor | null = null): void {
    const isRead = x === this.#last;
    this.#last = x;
    const known = this.#byPath.get(path);
    if (known !== undefined) {
      if (!isRead) known?.add(x, rows);
      return;
    }
    const shared = isRead ? this.inputs.at(-1) : undefined;
    if (shared !== undefined) {
      shared.paths.push(path);
      this.#byPath.set(path, shared.sums);
      return;
    }
    const sums = this.#begin(x, this.inputs.length, path);
    this.inputs.push({ paths: [path], sums });
    this.#byPath.set(path, sums);
    sums?.add(x, rows);
  }

  [Symbol.dispose](): void {
    for (const { sums } of this.inputs) sums?.[Symbol.dispose]();
  }
}
