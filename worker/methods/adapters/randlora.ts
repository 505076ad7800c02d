// RandLoRA: Full-Rank Parameter-Efficient Fine-Tuning of Large Models (Albert et al. 2025).
//
// Against LoRA: low-rank matrices are fixed, random, and shared by all layers; diagonals train.
//   k = min(I, O)   K = max(I, O)   N = ceil(k / R)   p from 0 to N R - 1   s = alpha / R
//   dW [K, k] = s B C      C[p, c] = l[p div N, p mod N] A[p div N, c] g[p mod N, c]
// B [K, N R] are the first rows and columns of one matrix, A [R, k] the first columns of another;
// dW is turned where the layer has more inputs than outputs. Trained: l [R, N], zero at first, and
// g [N, k], 1 / max(N, k) at first, in float32. Kept: A and B, in bfloat16.
// N R is at least k, so that dW has full rank: it is as large as W and is added to a copy of it.
// As in PEFT the pairs (basis, rank) are counted in another order in B than in C; in the paper both
// are counted alike. PEFT divides A and B by their own deviation: here their distribution has
// deviation 1, uniform up to sqrt 3, so that every processor draws the same bits. Values are those
// of bfloat16, as PEFT keeps them. Left out: sparse bases, dropout.
import * as ops from '../../tensor/ops.generated.ts';
import { uniform } from '../../tensor/rng.ts';
import { scope } from '../../tensor/scope.ts';
import { streamOf } from '../../tensor/streams.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Adapter, LinearLayer } from './adapter.ts';
import { plainDelta } from './delta.ts';
import { type AdapterOf, onTargets } from './from-parameters.ts';

export const basisA = 'randlora_A';
export const basisB = 'randlora_B';
export const lambda = 'randlora_lambda';
const gamma = 'randlora_gamma';

interface RandLoraSettings {
  readonly rank: number;
  readonly alpha: number;
  readonly targets: (path: string) => boolean;
  readonly seed: bigint;
  readonly dtype: 'float32' | 'float64';
}

export function randLora({ rank, alpha, targets, seed, dtype }: RandLoraSettings): Adapter {
  const scale = alpha / rank;
  const sizes = (layer: LinearLayer) => sizesOf(layer, rank);
  /** B as it is kept, and C with rows for columns. */
  const factors = (layer: LinearLayer, tensors: Tensors) => {
    const { smaller, larger, bases } = sizes(layer);
    const B = ops.narrow(ops.narrow(tensors(basisB), 0, 0, larger), 1, 0, bases * rank);
    const rows = spreadRows(tensors, smaller, [lambda, gamma]);
    return { B, turnedC: ops.view(rows, [smaller, bases * rank]) };
  };
  return {
    name: 'RandLoRA',
    targets: ({ path }) => targets(path),
    initialize(layer) {
      const { smaller, bases } = sizes(layer);
      const first = 1 / Math.max(bases, smaller);
      return {
        trained: {
          [lambda]: ops.zeros([rank, bases], { dtype }),
          [gamma]: ops.full([bases, smaller], first, { dtype }),
        },
      };
    },
    shares: (name) => name === basisA || name === basisB,
    shared(layers) {
      const all = layers.map(sizes);
      const most = (of: keyof Sizes) => Math.max(...all.map((one) => one[of]));
      const draw = (name: string, shape: readonly number[]) => {
        const values = uniform(shape, -Math.sqrt(3), Math.sqrt(3), streamOf(seed, name));
        const narrow = ops.to(values, 'bfloat16');
        return dtype === 'float64' ? ops.to(narrow, dtype) : narrow;
      };
      const kept = {
        [basisA]: draw(basisA, [rank, most('smaller')]),
        [basisB]: draw(basisB, [most('larger'), most('bases') * rank]),
      };
      return { trained: {}, kept };
    },
    factors(layer, tensors) {
      const { B, turnedC } = factors(layer, tensors);
      const wide = ops.contiguous(ops.to(B, dtype));
      return isTurned(layer)
        ? plainDelta(ops.contiguous(ops.t(wide)), turnedC, scale)
        : plainDelta(ops.contiguous(ops.t(turnedC)), wide, scale);
    },
    multipliedOut: {
      scale,
      change(layer, tensors) {
        const turned = scope(() => {
          const { B, turnedC } = factors(layer, tensors);
          return ops.linear(turnedC, B);
        });
        return isTurned(layer) ? turned : ops.contiguous(ops.t(turned));
      },
      gradients(layer, tensors, G) {
        const { smaller, bases } = sizes(layer);
        const ofC = scope(() => {
          const { B } = factors(layer, tensors);
          const wide = ops.to(G, dtype);
          const turned = ops.contiguous(isTurned(layer) ? wide : ops.t(wide));
          return ops.mulScalar_(ops.linear(turned, ops.contiguous(ops.t(B))), scale);
        });
        const of = ops.view(ofC, [smaller, rank, bases]);
        const times = (diagonal: Diagonal) =>
          ops.mul_(spreadRows(tensors, smaller, [diagonal]), of);
        return {
          [lambda]: scope(() => ops.sumDim(times(gamma), [0])),
          [gamma]: scope(() => ops.contiguous(ops.t(ops.sumDim(times(lambda), [1])))),
        };
      },
    },
    learningRateFactor: () => 1,
    decays: () => true,
  };
}

export const randLoraOf: AdapterOf<'RandLoRA'> = (own, common) => {
  const alpha = own.alpha === undefined ? 20 * own.rank : Number(own.alpha);
  return randLora({ ...onTargets(own), ...common, alpha });
};

type Diagonal = typeof lambda | typeof gamma;
type Tensors = (suffix: string) => Tensor;

interface Sizes {
  readonly smaller: number;
  readonly larger: number;
  /** Matrices of rank R that add up to full rank. */
  readonly bases: number;
}

function sizesOf({ in: inputs, out }: LinearLayer, rank: number): Sizes {
  const smaller = Math.min(inputs, out);
  return { smaller, larger: Math.max(inputs, out), bases: Math.ceil(smaller / rank) };
}

/** Whether B is on the side of the inputs. */
function isTurned({ in: inputs, out }: LinearLayer): boolean {
  return out < inputs;
}

/** `[k, R, N]`: A times the diagonals that are named, each spread over the sides that it lacks. */
function spreadRows(
  tensors: Tensors,
  smaller: number,
  [first, second]: readonly [Diagonal, Diagonal?],
): Tensor {
  return scope(() => {
    const spread = (name: Diagonal) => {
      const own = tensors(name);
      return name === lambda ? own : ops.unsqueeze(ops.contiguous(ops.t(own)), 1);
    };
    const A = ops.contiguous(ops.t(ops.narrow(tensors(basisA), 1, 0, smaller)));
    const product = ops.mul(ops.unsqueeze(A, 2), spread(first));
    return second === undefined ? product : ops.mul_(product, spread(second));
  });
}
