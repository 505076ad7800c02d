// Extreme Compression of Large Language Models via Additive Quantization (Egiazarian et al. 2024):
// codes, vectors and scales of a layer, fitted to what the layer gives on inputs that it has seen.
//
//   f = tr E H E^T     E = W' - W     H = X^T X + damping * mean(diag X^T X) I
//
// A round takes three turns, none of which increases f:
//   codes, group by group: with all others as they are, f is |t L - s_o sum_k C_k[code] L|^2 and a
//     constant, where H_jj = L L^T and t = W'_j - (E H)_j H_jj^-1. So it is the search for the
//     nearest vectors, in codebooks that are turned by L.
//   vectors: W' is linear in them, so f is a quadratic, and conjugate gradients descend it, with its
//     diagonal as preconditioner. The paper takes steps of Adam.
//   scales, in closed form, row by row.
// With H = I this is the fit to the weights of choose-codes.ts. Groups are visited from left to
// right. Shapes: W [O, J g], H [I, I].
import { type CodebookMatrix, decodeCodebook, nearestCodes } from '../methods/weights/codebook.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { item, type Tensor } from '../tensor/tensor.ts';
import { total } from './drift.ts';

export interface FitSettings {
  readonly rounds: number;
  /** Steps of conjugate gradients in a round. */
  readonly descents: number;
  readonly beam: number;
}

interface Fitted {
  readonly matrix: CodebookMatrix;
  readonly weight: Tensor;
  readonly gram: Tensor;
}

/** Columns whose products are kept up to date together, at least a group. */
const panelColumns = 128;

/** Of a Gram matrix of inputs, what the fit uses: positive definite, of a mean diagonal of 1. */
export function damped(gram: Tensor, damping = 0.01): Tensor {
  return scope(() => {
    const mean = item(ops.mean(ops.to(ops.diagonal(gram), 'float64'))) || 1;
    const H = ops.mulScalar(ops.to(gram, 'float32'), 1 / mean);
    const diagonal = ops.diagonal(H);
    ops.copy_(diagonal, ops.addScalar(diagonal, damping));
    return H;
  });
}

/** Changes the matrix in place; `f` before the first round and after each. */
export function fitCodebooks_(fitted: Fitted, settings: FitSettings): readonly number[] {
  const errors = [outputError(fitted)];
  for (let round = 0; round < settings.rounds; round += 1) {
    searchAll_(fitted, { ...settings, round });
    descend_(fitted, settings.descents);
    rescale_(fitted);
    errors.push(outputError(fitted));
  }
  return errors;
}

/** `f`. */
export function outputError({ matrix, weight, gram }: Fitted): number {
  return scope(() => {
    const E = ops.sub_(decodeCodebook(matrix, 'float32'), weight);
    return total(ops.mul(ops.linear(E, gram), E));
  });
}

/** New codes for all groups. */
function searchAll_(
  { matrix, weight, gram }: Fitted,
  { beam, round }: Pick<FitSettings, 'beam'> & { readonly round: number },
): void {
  scope(() => {
    const { codes, codebooks, scales } = matrix;
    const [outputs = 0, groups = 0, count = 0] = codes.shape;
    const size = codebooks.shape[2] ?? 1;
    const turned = new TurnedGroups(gram, codebooks);
    const order = Array.from({ length: count }, (_, k) => (k + round) % count);
    const values = decodeCodebook(matrix, 'float32');
    const products = productsOf({ matrix, weight, gram });
    const perRow = ops.unsqueeze(scales, 1);
    const together = Math.max(1, Math.floor(panelColumns / size));
    for (let first = 0; first < groups; first += together) {
      scope(() => {
        const some = Math.min(together, groups - first);
        const [from, width] = [first * size, some * size];
        const before = ops.contiguous(ops.narrow(values, 1, from, width));
        const panel = ops.contiguous(ops.narrow(products, 1, from, width));
        const rows = ops.narrow(gram, 0, from, width);
        const own = ops.contiguous(ops.narrow(rows, 1, from, width));
        const changes = ops.zerosLike(before);
        for (let j = 0; j < some; j += 1) {
          scope(() => {
            const { factor, inverse, vectors } = turned.at(first + j);
            const at = j * size;
            const now = ops.contiguous(ops.narrow(before, 1, at, size));
            const pull = ops.mm(ops.contiguous(ops.narrow(panel, 1, at, size)), inverse);
            const wanted = ops.div_(ops.sub_(ops.mm(now, factor), pull), perRow);
            const old = ops.contiguous(ops.select(codes, 1, first + j));
            const found = nearestCodes(wanted, vectors, old, { order, beam });
            const group = ops.unsqueeze(found, 1);
            const next = decodeCodebook({ codes: group, codebooks, scales }, 'float32');
            const change = ops.sub(next, now);
            ops.copy_(ops.select(codes, 1, first + j), found);
            ops.copy_(ops.narrow(changes, 1, at, size), change);
            ops.addmm_(panel, change, ops.narrow(own, 0, at, size));
          });
        }
        const behind = from + width;
        const left = outputs === 0 ? 0 : (products.shape[1] ?? 0) - behind;
        if (left === 0) return;
        ops.addmm_(
          ops.narrow(products, 1, behind, left),
          changes,
          ops.narrow(rows, 1, behind, left),
        );
      });
    }
  });
}

/** Of each group: the Cholesky factor of its part of H, and the vectors of codebooks times it. */
class TurnedGroups {
  readonly #factors: Tensor;
  readonly #inverses: Tensor;
  readonly #codebooks: Tensor;

  constructor(gram: Tensor, codebooks: Tensor) {
    const size = codebooks.shape[2] ?? 1;
    const groups = (gram.shape[0] ?? 0) / size;
    const square = ops.view(gram, [groups, size, groups, size]);
    const own = ops.contiguous(ops.permute(ops.diagonal(square, 0, 0, 2), [2, 0, 1]));
    const [L] = ops.linalgCholesky(ops.to(own, 'float64'));
    const ones = ops.expand(ops.eye(size, { dtype: 'float64' }), [groups, size, size]);
    const inverse = ops.linalgSolveTriangular(L, ones, { upper: false });
    this.#factors = ops.to(L, 'float32');
    this.#inverses = ops.contiguous(ops.to(ops.transpose(inverse, 1, 2), 'float32'));
    this.#codebooks = codebooks;
  }

  at(group: number) {
    const factor = ops.contiguous(ops.select(this.#factors, 0, group));
    const inverse = ops.select(this.#inverses, 0, group);
    const [count = 0, entries = 0, size = 0] = this.#codebooks.shape;
    const flat = ops.view(this.#codebooks, [count * entries, size]);
    return { factor, inverse, vectors: ops.view(ops.mm(flat, factor), [count, entries, size]) };
  }
}

/** Moves the vectors by so many steps of conjugate gradients. */
function descend_({ matrix, weight, gram }: Fitted, steps: number): void {
  scope(() => {
    const { codes, codebooks, scales } = matrix;
    const gradientOf = (products: Tensor): Tensor =>
      ops.codebookGradient(codes, codebooks, scales, products)[0];
    const diagonal = scope(() => {
      const curvatures = ops.mul(ops.unsqueeze(scales, 1), ops.unsqueeze(ops.diagonal(gram), 0));
      return ops.clamp(gradientOf(curvatures), 1e-30);
    });
    const products = productsOf({ matrix, weight, gram });
    let last: Direction | null = null;
    for (let step = 0; step < steps; step += 1) {
      // Copies of the matrix are freed after each step.
      const next: Direction | null = scope(() => {
        const gradient = gradientOf(products);
        const steepest = ops.div(gradient, diagonal);
        const length = dot(gradient, steepest);
        if (!(length > 0)) return null;
        const along: Tensor = ops.neg(steepest);
        if (last !== null) ops.add_(along, last.along, { alpha: length / last.length });
        const values = decodeCodebook({ codes, codebooks: along, scales }, 'float32');
        const seen = ops.linear(values, gram);
        const curvature = total(ops.mul_(values, seen));
        const slope = dot(gradient, along);
        // Rounding has used up what there was to gain.
        if (!(curvature > 0 && slope < 0)) return null;
        ops.add_(codebooks, along, { alpha: -slope / curvature });
        ops.add_(products, seen, { alpha: -slope / curvature });
        return { along, length };
      });
      if (next === null) return;
      last = next;
    }
  });
}

/** Of the vectors, and the squared length of the gradient that it came from. */
interface Direction {
  readonly along: Tensor;
  readonly length: number;
}

/** `E H`. */
function productsOf({ matrix, weight, gram }: Fitted): Tensor {
  return scope(() => ops.linear(ops.sub_(decodeCodebook(matrix, 'float32'), weight), gram));
}

function rescale_({ matrix, weight, gram }: Fitted): void {
  scope(() => {
    const values = decodeCodebook(matrix, 'float32');
    const seen = ops.linear(values, gram);
    const size = ops.sumDim(ops.mul(seen, values), [1]);
    const change = ops.div(ops.sumDim(ops.mul(seen, weight), [1]), size);
    // Rows of zeros, and rows that are better off at none, keep theirs: targets are divided by it.
    ops.mul_(matrix.scales, ops.where(ops.gtScalar(change, 0), change, ops.onesLike(change)));
  });
}

/** Row by row, as `total`. */
function dot(a: Tensor, b: Tensor): number {
  return total(ops.view(ops.mul(a, b), [-1, a.shape[2] ?? 1]));
}
