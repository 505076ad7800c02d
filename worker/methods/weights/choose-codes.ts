// The initial codes of a run: residual k-means, then codes, vectors and scales fitted to the
// weights in turn (AQLM, Egiazarian et al. 2024); what a layer sees is fitted to after that, if
// asked (worker/quantize/calibrated-codebooks.ts).
//
//   s_o = |W_o| + 1e-9      t = W / s, in groups of g
//   for each codebook k: k-means of the residual of t, E centroids, from random points; an empty
//   cluster keeps its centroid
//   `refinements` times: codes ← beam search for t
//                        C_k[c] ← C_k[c] + mean residual of the groups with code c, k by k
//                        s_o ← <W_o, U_o> / |U_o|², U the sum of vectors
// k-means uses 64 groups for each centroid; codes are then chosen for all groups. All random
// numbers come from one stream, and sums do not depend on the number of threads: the same weights
// get the same codes.
import * as ops from '../../tensor/ops.generated.ts';
import { scope } from '../../tensor/scope.ts';
import { drawsOf, type Stream } from '../../tensor/streams.ts';
import { item, type Tensor, tensor } from '../../tensor/tensor.ts';
import { type CodebookMatrix, type CodebookScheme, nearestCodes, sumsOf } from './codebook.ts';

export interface CodeChoice extends CodebookScheme {
  readonly beam: number;
  readonly refinements: number;
}

export interface CodeStart extends CodeChoice {
  /** Training sequences whose outputs codes are fitted to; 0: to the weights alone. */
  readonly calibrationSequences: number;
}

const pointsPerCentroid = 64;
const mostIterations = 25;
/** k-means stops when an iteration reduces the error by less than this fraction. */
const settled = 1e-3;

/** `weight [O, J g]` is float32. */
export function chooseCodes(weight: Tensor, choice: CodeChoice, stream: Stream): CodebookMatrix {
  return scope(() => {
    const [outputs = 0, inputs = 0] = weight.shape;
    const groups = inputs / choice.groupSize;
    const scales = ops.addScalar(ops.linalgVectorNorm(weight, 2, [1]), 1e-9);
    const draws = drawsOf(stream);
    let rest = targetsOf(weight, scales, choice.groupSize);
    const fitted = Array.from({ length: choice.codebooks }, () => {
      const codebook = kMeans(rest, 2 ** choice.bits, draws);
      const codes = assigned(rest, codebook);
      rest = ops.sub(rest, sumsOf(codes, codebook));
      return { codebook, codes };
    });
    const matrix = {
      codes: ops.view(
        ops.cat(
          fitted.map(({ codes }) => codes),
          1,
        ),
        [outputs, groups, choice.codebooks],
      ),
      codebooks: ops.cat(
        fitted.map(({ codebook }) => codebook),
        0,
      ),
      scales,
    };
    for (let round = 0; round < choice.refinements; round += 1) refine_(matrix, weight, choice);
    return matrix;
  });
}

/**
 * One refinement. The first two parts do not increase the error of the normed rows, the last
 * reduces that of the weights.
 */
function refine_(matrix: CodebookMatrix, weight: Tensor, { beam, groupSize }: CodeChoice): void {
  scope(() => {
    const { codes, codebooks, scales } = matrix;
    const [count = 0] = codebooks.shape;
    const targets = targetsOf(weight, scales, groupSize);
    const flat = ops.view(codes, [-1, count]);
    const order = Array.from({ length: count }, (_, index) => index);
    ops.copy_(flat, nearestCodes(targets, codebooks, flat, { order, beam }));
    for (const k of order) addMeanResiduals_(flat, codebooks, targets, k);
    const sums = ops.view(sumsOf(flat, codebooks), weight.shape);
    const squares = ops.sumDim(ops.mul(sums, sums), [1]);
    const best = ops.div(ops.sumDim(ops.mul(weight, sums), [1]), squares);
    // A scale of 0 or NaN would leave nothing to divide a row of zeros by.
    ops.copy_(scales, ops.where(ops.gtScalar(best, 0), best, scales));
  });
}

/** Adds to each vector of codebook k the mean residual of its groups. */
function addMeanResiduals_(flat: Tensor, codebooks: Tensor, targets: Tensor, k: number): void {
  scope(() => {
    const rest = ops.sub(targets, sumsOf(flat, codebooks));
    const own = ops.contiguous(ops.narrow(flat, 1, k, 1));
    const change = meansOf(own, rest, codebooks.shape[1] ?? 0);
    ops.add_(ops.select(codebooks, 0, k), ops.mul(change.means, change.isUsed));
  });
}

type Draws = ReturnType<typeof drawsOf>;

/** Centroids `[1, E, g]` of `points [n, g]`. */
function kMeans(points: Tensor, entries: number, draws: Draws): Tensor {
  return scope(() => {
    const [all = 0] = points.shape;
    const sample = ops.indexSelect(points, 0, drawn(all, entries * pointsPerCentroid, draws));
    const start = drawn(sample.shape[0] ?? 0, entries, draws);
    const codebook = startOf(sample, start, entries);
    let error = Number.POSITIVE_INFINITY;
    for (let iteration = 0; iteration < mostIterations; iteration += 1) {
      const next = scope(() => {
        const codes = assigned(sample, codebook);
        const gap = ops.sub(sample, sumsOf(codes, codebook));
        const { means, isUsed } = meansOf(codes, sample, entries);
        const [own = codebook] = ops.unbind(codebook, 0);
        ops.copy_(own, ops.where(ops.gtScalar(isUsed, 0), means, own));
        // Not `sum`, whose result depends on the number of threads.
        return item(ops.linalgVectorNorm(gap)) ** 2;
      });
      if (error - next <= settled * error) break;
      error = next;
    }
    return codebook;
  });
}

/** Points as initial centroids; missing ones repeat the first and keep empty clusters. */
function startOf(points: Tensor, indices: Tensor, entries: number): Tensor {
  const found = ops.indexSelect(points, 0, indices);
  const missing = entries - (found.shape[0] ?? 0);
  if (missing === 0) return ops.unsqueeze(found, 0);
  const first = ops.expand(ops.narrow(found, 0, 0, 1), [missing, found.shape[1] ?? 0]);
  return ops.unsqueeze(ops.cat([found, first], 0), 0);
}

/** The nearest vector of one codebook for each point, `[n, 1]`. */
function assigned(points: Tensor, codebook: Tensor): Tensor {
  return scope(() => {
    const codes = ops.zeros([points.shape[0] ?? 0, 1], { dtype: 'uint8' });
    return nearestCodes(points, codebook, codes, { order: [0], beam: 1 });
  });
}

/** Means of the points of each code, and 1 for a code with points, else 0: `[E, g]`, `[E, 1]`. */
function meansOf(codes: Tensor, points: Tensor, entries: number) {
  return scope(() => {
    const shape = [1, entries, points.shape[1] ?? 0];
    const scales = ops.ones([codes.shape[0] ?? 0], { dtype: 'float32' });
    const room = ops.zeros(shape, { dtype: 'float32' });
    const [sums] = ops.codebookGradient(ops.unsqueeze(codes, 1), room, scales, points);
    const indices = ops.to(ops.view(codes, [-1]), 'int64');
    const counts = ops.to(ops.bincount(indices, null, entries), 'float32');
    const perEntry = ops.unsqueeze(counts, 1);
    return {
      means: ops.div(ops.select(sums, 0, 0), ops.clamp(perEntry, 1)),
      isUsed: ops.to(ops.gtScalar(perEntry, 0), 'float32'),
    };
  });
}

function targetsOf(weight: Tensor, scales: Tensor, groupSize: number): Tensor {
  return ops.view(ops.div(weight, ops.unsqueeze(scales, 1)), [-1, groupSize]);
}

/** `wanted` different indices below `all` in random order, or all of them. */
function drawn(all: number, wanted: number, draws: Draws): Tensor {
  const count = Math.min(all, wanted);
  const swapped = new Map<number, number>();
  const indices = Array.from({ length: count }, (_, place) => {
    const other = place + draws.below(all - place);
    const found = swapped.get(other) ?? other;
    swapped.set(other, swapped.get(place) ?? place);
    return found;
  });
  return tensor(indices, [count], 'int64');
}
