// What linear layers lose of their outputs in 4 bits, weights and inputs, by SVDQuant and by less:
// relative errors on inputs by which nothing was chosen.
import { BlockInputs } from '../../../worker/engine/block-inputs.ts';
import { BlockWalk } from '../../../worker/engine/block-walk.ts';
import { HeldSequences } from '../../../worker/engine/held-sequences.ts';
import type { Model } from '../../../worker/engine/model.ts';
import type { HostSequence } from '../../../worker/engine/packed-sequence.ts';
import { fittedBranch } from '../../../worker/quantize/low-rank-branch.ts';
import { rescaled } from '../../../worker/quantize/rescale.ts';
import { roundedTokens } from '../../../worker/quantize/rounded-inputs.ts';
import { SeenInput } from '../../../worker/quantize/seen-input.ts';
import { searchedFactors } from '../../../worker/quantize/smoothing.ts';
import { relativeLoss, tried } from '../../../worker/quantize/trial.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import type { Tensor } from '../../../worker/tensor/tensor.ts';

export const ways = ['to nearest', 'smoothed', 'rank 8', 'rank 16', 'rank 32'] as const;
const ranks = [8, 16, 32];

export interface LinearErrors {
  readonly path: string;
  /** In the order of `ways`, the norm of the error over that of the outputs. */
  readonly errors: readonly number[];
}

const trial = {
  grid: { bits: 4, range: 'Symmetric', groupSize: 64 },
  inputs: (x: Tensor) => roundedTokens(x, 'Int4'),
} as const;
/** Rows of an input to choose by, and as many to measure on. */
const rows = 512;

/** Layers that read one input are smoothed together. */
export function* linearErrors(
  model: Model,
  hosts: readonly HostSequence[],
): Generator<LinearErrors> {
  using sequences = new HeldSequences(model, hosts);
  using walk = new BlockWalk(model, sequences.all);
  for (; !walk.isOver; walk.advance()) {
    using seen = new BlockInputs((x) => new SeenInput(x, null, everyOf(x, hosts.length)));
    walk.look({ input: (path, x) => seen.add(path, x) });
    for (const { paths, sums } of seen.inputs) {
      if (sums !== null) yield* scope(() => errorsOf(model, paths, sums.rows()));
    }
  }
}

/** Odd, so that not always the same patches are kept. */
function everyOf(x: Tensor, sequences: number): number {
  return Math.max(1, Math.floor(((x.shape[0] ?? 0) * sequences) / (2 * rows))) | 1;
}

function errorsOf({ parameters }: Model, paths: readonly string[], all: Tensor): LinearErrors[] {
  const count = Math.floor((all.shape[0] ?? 0) / 2);
  const every = (from: number): Tensor =>
    ops.indexSelect(all, 0, ops.arange(from, from + 2 * count, 2, { dtype: 'int64' }));
  const [x, held] = [every(0), every(1)];
  const weights = paths.map((path) => parameters.value(`${path}.weight`));
  const largest = ops.amax(ops.abs(x), [0]);
  const factorsOf = (rank: number): Tensor | null =>
    searchedFactors({ weights, x, largest }, { ...trial, rank }).factors;
  const errors = paths.map((): number[] => []);
  const measure = (columns: Tensor | null, rank: number): void => {
    const divided = (of: Tensor) => (columns === null ? of : ops.div(of, columns));
    for (const [i, weight] of weights.entries()) {
      const own = rescaled(weight, { columns, rows: null });
      const chosen = { x: divided(x), y: ops.linear(x, weight) };
      const branch =
        rank === 0 ? null : fittedBranch(own, chosen, { ...trial, rank, iterations: 5 }).branch;
      const outputs = { x: divided(held), y: ops.linear(held, weight) };
      errors[i]?.push(Math.sqrt(relativeLoss(outputs, tried(own, branch, trial), trial)));
    }
  };
  measure(null, 0);
  for (const rank of [0, ...ranks]) scope(() => measure(factorsOf(rank), rank));
  return paths.map((path, i) => ({ path, errors: errors[i] ?? [] }));
}
