// The first codes of a run: each matrix that is to be stored as codes into codebooks is read, its codes are chosen, and it is forgotten.
import * as ops from '../tensor/ops.generated.ts';
import { streamOf } from '../tensor/rng.ts';
import { scope } from '../tensor/scope.ts';
import { item, releasePages, type Tensor } from '../tensor/tensor.ts';
import { type CodeChoice, chooseCodes } from '../weights/choose-codes.ts';
import { type CodebookMatrix, decodeCodebook } from '../weights/codebook.ts';
import { type ModelSource, requireFinite } from './build-model.ts';
import type { Parameters } from './parameters.ts';

interface Filling {
  readonly choice: CodeChoice;
  readonly seed: bigint;
}

interface Filled {
  readonly done: number;
  readonly total: number;
  /** How far the codes so far are from the weights: `|W - W'| / |W|` over all. */
  readonly left: number;
}

/** Chooses codes in place, one matrix at each turn: whoever asks for the next can stop between them. */
export function* fillCodebooks(
  source: ModelSource,
  parameters: Parameters,
  { choice, seed }: Filling,
): Generator<Filled> {
  const coded = parameters
    .all()
    .flatMap(({ name, value, coded: coding }) =>
      coding?.type === 'Codebook' ? [{ name, matrix: { codes: value, ...coding.parts } }] : [],
    );
  const sums = { gap: 0, all: 0 };
  for (const [done, { name, matrix }] of coded.entries()) {
    const { gap, all } = fill(source, name, matrix, choice, seed);
    sums.gap += gap;
    sums.all += all;
    const left = Math.sqrt(sums.gap / sums.all);
    yield { done: done + 1, total: coded.length, left };
  }
}

/** Sums of squares of what codes leave out, and of the weights. */
function fill(
  source: ModelSource,
  name: string,
  matrix: CodebookMatrix,
  choice: CodeChoice,
  seed: bigint,
): { readonly gap: number; readonly all: number } {
  return scope(() => {
    const loaded = source.load(name, 'float32');
    requireFinite(name, loaded);
    const chosen = chooseCodes(loaded, choice, streamOf(seed, 'codes', name));
    ops.copy_(matrix.codes, chosen.codes);
    ops.copy_(matrix.codebooks, chosen.codebooks);
    ops.copy_(matrix.scales, chosen.scales);
    const gap = ops.sub(loaded, decodeCodebook(chosen, 'float32'));
    const found = { gap: squares(gap), all: squares(loaded) };
    releasePages(loaded);
    return found;
  });
}

function squares(x: Tensor): number {
  return item(ops.sum(ops.mul(x, x)));
}
