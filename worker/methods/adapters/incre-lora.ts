// IncreLoRA: Incremental Parameter Allocation Method for Parameter-Efficient Fine-tuning (Zhang et
// al. 2023).
//
// Against LoRA: a diagonal between A and B, and layers that begin with one live rank and get more.
//   y = x W^T + s ((drop(x) A^T) e) B^T      A [M, I] · e [M] · B [O, M] · s = alpha / R
//   loss + lambda mean (|A A^T - I| + |B^T B - I|)      of live and reserve ranks, mean over layers
// All M ranks that a layer may come to are there from the first step, A and B normal with deviation
// 0.02. The first is live, with e = 0. The next `increment` are its reserve: e stays at 1e-5, and A
// and B train in advance. e of all others is zero, and they have no gradient. Each step scores a
// layer, with g the gradient of e before it is clipped:
//   I = sum over live ranks |e g| / sqrt(O I)     m = 0.85 m + 0.15 I      u = 0.85 u + 0.15 |I - m|
// Every `intervalSteps` steps the layers with the largest m u turn their reserve live, and get
// another one. Once R ranks a layer are given away on average, reserves become zero. Evaluations
// and results are without reserves, which add some 1e-5: ranks whose e is at that value.
// Trained: A, B and e in float32; decay pulls e alone, since A and B have their term of the loss.
// Differences from the release: I is |dW * G| summed over the values of the dense change there,
// which takes the dense gradient of every weight in every step; |e g| is what the loss depends on a
// rank, to first order, and costs nothing. s is constant, where the release divides by the rank of
// the moment, so that each new rank shrinks those before it. New ranks keep the optimizer of the
// layer, and their learning rate rises from zero instead of following one of their own.
import { alphaOfGrown, incrementOf, mostRanks } from '../../../crds/methods/incre-lora.ts';
import * as ops from '../../tensor/ops.generated.ts';
import { normal } from '../../tensor/rng.ts';
import { streamOf } from '../../tensor/streams.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type Adapter, factorA, factorB, type Growth, type Pace } from './adapter.ts';
import { type AdapterOf, asLora } from './from-parameters.ts';
import { afterStep, type GrowthSettings, isFull, liveRanks, ungrown } from './rank-growth.ts';
import { type StandardLora, standardLora } from './standard-lora.ts';

export const diagonal = 'lora_E';
/** In float32 its own value, which no live rank keeps. */
export const reserveValue = 1e-5;
const deviation = 0.02;

interface IncreLoraSettings extends StandardLora, GrowthSettings {
  readonly warmupSteps: number;
  readonly orthogonality: number;
}

export const increLoraOf: AdapterOf<'IncreLoRA'> = (own, common) => {
  const { intervalSteps, layersPerEvent = null, warmupSteps = intervalSteps } = own;
  return increLora({
    ...asLora({ ...own, alpha: alphaOfGrown(own) }, common),
    ...{ intervalSteps, layersPerEvent, warmupSteps, orthogonality: Number(own.orthogonality) },
    ...{ most: mostRanks(own), increment: incrementOf(own) },
  });
};

export function increLora(settings: IncreLoraSettings): Adapter {
  const { most, increment, orthogonality, seed, dtype } = settings;
  const plain = standardLora(settings);
  return {
    ...plain,
    name: 'IncreLoRA',
    initialize(layer) {
      const drawn = (name: string, shape: readonly number[]) =>
        normal(shape, deviation, streamOf(seed, name, layer.path), dtype);
      const e = ops.zeros([most], { dtype });
      if (most > 1) ops.fill_(ops.narrow(e, 0, 1, increment), reserveValue);
      return {
        trained: {
          [factorA]: drawn('lora_A', [most, layer.in]),
          [factorB]: drawn('lora_B', [layer.out, most]),
          [diagonal]: e,
        },
      };
    },
    factors(layer, tensors, draw) {
      const e = tensors(diagonal);
      const B = ops.mul(tensors(factorB), draw === null ? withoutReserve(e) : e);
      return { ...plain.factors(layer, tensors, draw), B };
    },
    regularizer(_, tensors) {
      const inUse = usedRanks(tensors(diagonal));
      const ofA = unlikeUnit(tensors(factorA), inUse);
      const ofB = unlikeUnit(ops.t(tensors(factorB)), inUse);
      return ops.mulScalar(ops.add(ofA, ofB), orthogonality);
    },
    decays: (suffix) => suffix === diagonal,
    growth: growthOf(settings),
    losesRanks: true,
  };
}

function growthOf(settings: IncreLoraSettings): Growth {
  const { most, increment } = settings;
  return {
    diagonal,
    start: ungrown,
    live: (births) => liveRanks(settings, births),
    after(state, { scores, layers, moment }) {
      const scaled = scores.map((score, i) => {
        const layer = layers[i];
        if (score === null || layer === undefined) return null;
        return score / Math.sqrt(layer.out * layer.in);
      });
      return afterStep(settings, state, scaled, moment);
    },
    settle(e, births, state) {
      const live = liveRanks(settings, births);
      ops.zero_(ops.narrow(e, 0, live, most - live));
      if (isFull(settings, state) || live === most) return;
      ops.fill_(ops.narrow(e, 0, live, increment), reserveValue);
    },
    paces(suffix, births, step) {
      if (suffix === diagonal) {
        const live = liveRanks(settings, births);
        const rest = { dim: 0, from: live, count: most - live, pace: 0 };
        return [...rising(settings, births, step, 0), ...(live < most ? [rest] : [])];
      }
      // Those of a reserve begin when the one before it became live.
      const dim = suffix === factorB ? 1 : 0;
      return rising(settings, births, step, 1).map((one) => ({ ...one, dim }));
    },
  };
}

/** Of ranks that a layer got less than `warmupSteps` ago, `ahead` increments later in order. */
function rising(
  { increment, most, warmupSteps }: IncreLoraSettings,
  births: readonly number[],
  step: number,
  ahead: number,
): readonly Pace[] {
  return births.flatMap((birth, i) => {
    const from = 1 + increment * (i + ahead);
    const pace = (step - birth + 1) / warmupSteps;
    return pace < 1 && from < most ? [{ dim: 0, from, count: increment, pace }] : [];
  });
}

function withoutReserve(e: Tensor): Tensor {
  return ops.mul(e, ops.to(ops.neScalar(ops.detach(e), reserveValue), e.dtype));
}

/** Ones for live and reserve ranks, zeros for others. The first is live, and begins with zero. */
function usedRanks(e: Tensor): Tensor {
  const used = ops.to(ops.neScalar(ops.detach(e), 0), e.dtype);
  ops.fill_(ops.narrow(used, 0, 0, 1), 1);
  return used;
}

/** Distance of these of the rows from orthonormal ones. */
function unlikeUnit(rows: Tensor, used: Tensor): Tensor {
  const own = ops.mul(rows, ops.unsqueeze(used, 1));
  return ops.orthonormalDistance(own, used);
}
