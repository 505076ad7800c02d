// LaMDA: Large Model Fine-Tuning via Spectrally Decomposed Low-Dimensional Adaptation (Azizi et al.
// 2024).
//
// Against LoRA: A is fixed, a square matrix S between A and B trains, and the columns of B stop
// training one after the other over the first part of the steps.
//   y = x W^T + s drop(x) A^T S^T B^T      A [R, I] · S [R, R] · B [O, R] · s = alpha / R
//   columns of B at rest in step t of T: min(R, floor(R t / (f T))), first ones first
// Svd: W ~ U D V^T of rank R, A = V^T, S = D / s, B = U, and the base is W - U D V^T, so that the
// model is that of the files at first. LoRA: A uniform in ±1/sqrt(I), S in ±1/sqrt(R), B zero. A
// layer whose smaller side is below the rank takes that side. Trained: S and B in float32; once
// all of B rests it has no gradient and no moments. Kept: A.
// Differences from the release: it rests three columns at most before all others, for its counter
// lacks the factor R, and it has the random start alone; vectors are from the sketch of
// optimizers/subspace.ts. Spectrum (LaMDA++, a reconstruction: the release has none of it): 2 R
// components of each weight are found, each is worth d^2 / |W|^2, and the best of all layers are
// taken, R for each; s stays alpha / R.
import { Bug } from '../../../crds/failures/errors.ts';
import { rankWithin } from '../../../crds/methods/adapter-shapes.ts';
import { mostOfSpectrum } from '../../../crds/methods/lamda.ts';
import * as ops from '../../tensor/ops.generated.ts';
import { uniform } from '../../tensor/rng.ts';
import { streamOf } from '../../tensor/streams.ts';
import { type Tensor, toArray } from '../../tensor/tensor.ts';
import { sketchedSubspace } from '../optimizers/subspace.ts';
import {
  type Adapter,
  type Found,
  factorA,
  factorB,
  keptOf,
  type LinearLayer,
  type Moment,
} from './adapter.ts';
import { withMatrix } from './between.ts';
import { type AdapterOf, asLora } from './from-parameters.ts';
import { diagonalOf, singularVectors } from './singular-vectors.ts';
import { type StandardLora, standardLora } from './standard-lora.ts';

const middle = 'lora_S.weight';
/** Of the size of its weight, by component. */
const shares = 'shares';

interface LamdaSettings extends StandardLora {
  readonly initialization: 'Svd' | 'LoRA';
  readonly freezeFraction: number;
  readonly allocation: 'Uniform' | 'Spectrum';
}

export const lamdaOf: AdapterOf<'LaMDA'> = (own, common) => {
  const { initialization, allocation, freezeFraction } = own;
  return lamda({
    ...asLora(own, common),
    ...{ initialization, allocation },
    freezeFraction: Number(freezeFraction),
  });
};

export function lamda(settings: LamdaSettings): Adapter {
  const plain = standardLora(settings);
  return {
    ...plain,
    ...(settings.initialization === 'Svd' ? fromSpectrum(settings) : fromChance(settings)),
    name: 'LaMDA',
    factors: (layer, tensors, draw) =>
      withMatrix(plain.factors(layer, tensors, draw), tensors(middle)),
    restingColumns: (suffix, columns, moment) =>
      suffix === factorB ? restingAt(columns, settings.freezeFraction, moment) : 0,
  };
}

/** Of so many columns. */
function restingAt(columns: number, fraction: number, { step, totalSteps }: Moment): number {
  return Math.min(columns, Math.floor((columns * step) / (fraction * totalSteps)));
}

type Start = Pick<Adapter, 'decompose' | 'initialize' | 'takesOver' | 'decays' | 'spectrum'>;

function fromSpectrum({ rank, alpha, allocation }: LamdaSettings): Start {
  const scale = alpha / rank;
  const isShared = allocation === 'Spectrum';
  const most = (layer: LinearLayer) => rankWithin(layer, isShared ? mostOfSpectrum(rank) : rank);
  return {
    ...(isShared && { spectrum: { rank, most, scores, first } }),
    decompose(layer, { weight }) {
      const W = weight();
      const { U, S, V } = singularVectors(W, sketchedSubspace(W, most(layer)));
      return {
        [factorA]: V,
        [factorB]: ops.contiguous(U),
        [middle]: diagonalOf(ops.divScalar(S, scale)),
        ...(isShared && { [shares]: ops.square(ops.div(S, ops.linalgVectorNorm(W))) }),
      };
    },
    initialize: (_, initial) => ({
      trained: {
        [middle]: ops.clone(initial(middle)),
        [factorB]: ops.clone(initial(factorB)),
      },
      kept: keptOf(initial, [factorA]),
    }),
    takesOver: (_, initial) => ({
      left: ops.mm(initial(factorB), initial(middle)),
      right: initial(factorA),
      scale,
    }),
    // Decay would pull what the base gave up to zero, and the weight with it.
    decays: () => false,
  };
}

function tensorIn(found: Found, suffix: string): Tensor {
  const tensor = found[suffix];
  if (tensor === undefined) throw new Bug(`a decomposition has no ${suffix}`);
  return tensor;
}

function scores(found: Found): readonly number[] {
  return toArray(tensorIn(found, shares));
}

function first(found: Found, rank: number) {
  const rows = (of: Tensor) => ops.narrow(of, 0, 0, rank);
  const columns = (of: Tensor) => ops.narrow(of, 1, 0, rank);
  return {
    [factorA]: ops.clone(rows(tensorIn(found, factorA))),
    [factorB]: ops.clone(ops.contiguous(columns(tensorIn(found, factorB)))),
    [middle]: ops.clone(ops.contiguous(rows(columns(tensorIn(found, middle))))),
  };
}

function fromChance({ rank, seed, dtype }: LamdaSettings): Start {
  return {
    initialize(layer) {
      const own = rankWithin(layer, rank);
      const drawn = (name: string, inputs: number) => {
        const bound = 1 / Math.sqrt(inputs);
        return uniform([own, inputs], -bound, bound, streamOf(seed, name, layer.path), dtype);
      };
      return {
        trained: {
          [middle]: drawn('lora_S', own),
          [factorB]: ops.zeros([layer.out, own], { dtype }),
        },
        kept: { [factorA]: drawn('lora_A', layer.in) },
      };
    },
    decays: () => true,
  };
}
