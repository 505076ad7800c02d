// The inputs of the linear layers of one block in the quantized model and in the trained one, added
// up for each input that several layers may read. A tenth of the tokens, the last ones, is added up
// apart.
import type { BlockWalk } from '../engine/block-walk.ts';
import type { Model } from '../engine/model.ts';
import type { PackedSequence } from '../engine/packed-sequence.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { DriftSums } from './drift.ts';
import { type InputGrid, roundedTokens } from './rounded-inputs.ts';

/** One input. */
interface Paired {
  readonly paths: string[];
  readonly sums: { readonly trained: DriftSums; readonly held: DriftSums };
}

interface Walks {
  /** Through the quantized blocks. */
  readonly walk: BlockWalk;
  /** Through the trained ones. */
  readonly exact: BlockWalk;
  readonly model: Model;
  readonly sequences: readonly PackedSequence[];
  /** The grid of the inputs of quantized layers. */
  readonly rounded: InputGrid | null;
}

class PairedInputs implements Disposable {
  readonly all: Paired[] = [];

  at(index: number, paths: string[], x: Tensor): Paired {
    const known = this.all[index];
    if (known !== undefined) return known;
    const begun = { paths, sums: { trained: new DriftSums(x), held: new DriftSums(x) } };
    this.all.push(begun);
    return begun;
  }

  [Symbol.dispose](): void {
    for (const { sums } of this.all) for (const each of Object.values(sums)) each[Symbol.dispose]();
  }
}

/** Of the next block of both walks. */
export function pairedInputs({ walk, exact, model, sequences, rounded }: Walks): PairedInputs {
  const found = new PairedInputs();
  const tokens = sequences.reduce((sum, each) => sum + each.tokens, 0);
  let left = tokens - Math.ceil(tokens / 10);
  for (const [a, sequence] of sequences.entries()) {
    const count = Math.min(left, sequence.tokens);
    left -= count;
    using quantized = new Distinct(rounded);
    walk.look({ input: (path, x) => quantized.see(path, x) }, model, a);
    let at = -1;
    let last: Tensor | null = null;
    const input = (path: string, x: Tensor): void => {
      if (x === last) return;
      last = x;
      at += 1;
      const { kept, paths } = quantized.all[at] ?? differently(path);
      const { sums } = found.at(at, paths, kept);
      for (const [part, first, rows] of [
        [sums.trained, 0, count],
        [sums.held, count, sequence.tokens - count],
      ] as const) {
        scope(() => part.add(ops.narrow(kept, 0, first, rows), ops.narrow(x, 0, first, rows)));
      }
    };
    exact.look({ input }, model, a);
  }
  return found;
}

function differently(path: string): never {
  throw new RangeError(`${path} reads an input of its own in one of two equal blocks`);
}

/** Copies of the inputs of one sequence, each once, as products read them. */
class Distinct implements Disposable {
  readonly all: { readonly paths: string[]; readonly kept: Tensor }[] = [];
  readonly #rounded: InputGrid | null;
  #last: Tensor | null = null;

  constructor(rounded: InputGrid | null) {
    this.#rounded = rounded;
  }

  see(path: string, x: Tensor): void {
    const same = x === this.#last ? this.all.at(-1) : undefined;
    this.#last = x;
    if (same !== undefined) same.paths.push(path);
    else this.all.push({ paths: [path], kept: keep(scope(() => this.#read(x))) });
  }

  #read(x: Tensor): Tensor {
    return this.#rounded === null ? ops.clone(x) : roundedTokens(x, this.#rounded);
  }

  [Symbol.dispose](): void {
    for (const { kept } of this.all) kept.dispose();
  }
}
