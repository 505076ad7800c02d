// The initial codes of a run: reads each matrix that is stored as codes into codebooks, chooses its
// codes, and frees the matrix.

import type { ModelSource } from '../engine/build-model.ts';
import { requireFinite } from '../engine/finite.ts';
import type { Parameter } from '../engine/parameters.ts';
import { type CodeChoice, chooseCodes } from '../methods/weights/choose-codes.ts';
import { type CodebookMatrix, decodeCodebook } from '../methods/weights/codebook.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { streamOf } from '../tensor/streams.ts';
import { item, onDevice, releasePages, type Tensor } from '../tensor/tensor.ts';

interface Filling {
  readonly choice: CodeChoice;
  readonly seed: bigint;
}

export interface Filled {
  readonly done: number;
  readonly total: number;
  /** `|W - W'|²` and `|W|²` over all matrices so far, where `W'` is the decoded matrix. */
  readonly squares: { readonly left: number; readonly all: number };
}

/**
 * Chooses codes in place, one matrix for each turn of the generator, so that the caller can stop
 * between matrices. Skips parameters that are not stored in codebooks.
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
    const stored = source.load(name, 'float32');
    requireFinite(name, stored);
    const loaded = onDevice(stored, matrix.codes.device);
    const chosen = chooseCodes(loaded, choice, streamOf(seed, 'codes', name));
    ops.copy_(matrix.codes, chosen.codes);
    ops.copy_(matrix.codebooks, chosen.codebooks);
    ops.copy_(matrix.scales, chosen.scales);
    const gap = ops.sub(loaded, decodeCodebook(chosen, 'float32'));
    const found = { left: sumOfSquares(gap), all: sumOfSquares(loaded) };
    releasePages(stored);
    return found;
  }, matrix.codes.device);
}

function sumOfSquares(x: Tensor): number {
  return item(ops.linalgVectorNorm(x)) ** 2;
}
