// The first codes of a run: each matrix that is to be stored as codes into codebooks is read, its
// codes are chosen, and it is forgotten.

import type { ModelSource } from '../engine/build-model.ts';
import { requireFinite } from '../engine/finite.ts';
import type { Parameter } from '../engine/parameters.ts';
import { type CodeChoice, chooseCodes } from '../methods/weights/choose-codes.ts';
import { type CodebookMatrix, decodeCodebook } from '../methods/weights/codebook.ts';
import * as ops from '../tensor/ops.generated.ts';
import { streamOf } from '../tensor/rng.ts';
import { scope } from '../tensor/scope.ts';
import { item, releasePages, type Tensor } from '../tensor/tensor.ts';

interface Filling {
  readonly choice: CodeChoice;
  readonly seed: bigint;
}

export interface Filled {
  readonly done: number;
  readonly total: number;
  /** Over all so far, of what codes leave out and of the weights: `|W - W'|²` and `|W|²`. */
  readonly squares: { readonly left: number; readonly all: number };
}

/**
 * Chooses codes in place, one matrix at each turn: whoever asks for the next can stop between them.
 * What is not coded is passed over.
 */
export function* fillCodebooks(
  source: ModelSource,
  parameters: readonly Parameter[],
  { choice, seed }: Filling,
): Generator<Filled> {
  const coded = parameters.flatMap(({ name, value, coded: coding }) =>
    coding?.type === 'Codebook' ? [{ name, matrix: { codes: value, ...coding.parts } }] : [],
  );
  let squares = { left: 0, all: 0 };
  for (const [done, { name, matrix }] of coded.entries()) {
    const { left, all } = fill(source, name, matrix, choice, seed);
    squares = { left: squares.left + left, all: squares.all + all };
    yield { done: done + 1, total: coded.length, squares };
  }
}

function fill(
  source: ModelSource,
  name: string,
  matrix: CodebookMatrix,
  choice: CodeChoice,
  seed: bigint,
): Filled['squares'] {
  return scope(() => {
    const loaded = source.load(name, 'float32');
    requireFinite(name, loaded);
    const chosen = chooseCodes(loaded, choice, streamOf(seed, 'codes', name));
    ops.copy_(matrix.codes, chosen.codes);
    ops.copy_(matrix.codebooks, chosen.codebooks);
    ops.copy_(matrix.scales, chosen.scales);
    const gap = ops.sub(loaded, decodeCodebook(chosen, 'float32'));
    const found = { left: sumOfSquares(gap), all: sumOfSquares(loaded) };
    releasePages(loaded);
    return found;
  });
}

function sumOfSquares(x: Tensor): number {
  return item(ops.linalgVectorNorm(x)) ** 2;
}
