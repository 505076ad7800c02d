// NLoRA: Nystrom-Initiated Low-Rank Adaptation for Large Language Models (Guo et al. 2025).
//
// Against SLoRA: the three matrices begin as a Nystrom approximation of the weight, without a
// decomposition of it, and the base keeps the rest.
//   A0 = W[:r, :]      B0 = W[:, :r]      N0 = pinv(W[:r, :r])      y = x (W - s B0 N0 A0)^T + ...
// A layer whose smaller side is below the rank takes that side. Trained: A, N and B in float32, or
// N alone (IntermediateTune). The rest is computed in float32 and rounded once, or quantized.
// Differences from the release: its code takes the corner itself for N0 and leaves W as it is, so
// that training begins with another model: in SmolLM2-135M that product is half as long as the
// weight at rank 16, and 4 times as long at rank 128 (median over layers). The inverse of the
// corner leaves out singular values below a fifth of the largest: with a thousandth, which keeps
// nearly all, B0 N0 A0 is 2 to 55 times as long as the weight, and rounding the rest to bfloat16
// loses up to 70 times what rounding the weight does; now it loses twice that at most.
import { rankWithin } from '../../../crds/methods/adapter-shapes.ts';
import * as ops from '../../tensor/ops.generated.ts';
import { item, type Tensor } from '../../tensor/tensor.ts';
import { byOneThread } from '../../tensor/threads.ts';
import { type Adapter, factorA, factorB, keptOf } from './adapter.ts';
import { type AdapterOf, asUnscaledLora } from './from-parameters.ts';
import { middle, slora } from './slora.ts';
import type { StandardLora } from './standard-lora.ts';

/** Of the largest singular value of the corner: smaller ones are not inverted. */
const leastValue = 0.2;

interface NloraSettings extends StandardLora {
  readonly train: 'All' | 'Core';
}

export const nloraOf: AdapterOf<'NLoRA'> = (own, common) =>
  nlora({ ...asUnscaledLora(own, common), train: own.train });

function nlora({ train, ...settings }: NloraSettings): Adapter {
  const { rank, alpha } = settings;
  const outer = [factorA, factorB];
  return {
    ...slora(settings),
    name: 'NLoRA',
    decompose(layer, { weight }) {
      const { A, N, B } = nystromFactors(weight(), rankWithin(layer, rank));
      return { [factorA]: A, [middle]: N, [factorB]: B };
    },
    initialize(_, initial) {
      const core = { [middle]: ops.clone(initial(middle)) };
      const others = keptOf(initial, outer);
      return train === 'Core'
        ? { trained: core, kept: others }
        : { trained: { ...core, ...others } };
    },
    takesOver: (_, initial) => ({
      // A linear layer has the same bits for any number of threads.
      left: ops.linear(initial(factorB), ops.contiguous(ops.t(initial(middle)))),
      right: initial(factorA),
      scale: alpha / rank,
    }),
    // Decay would pull what the base gave up to zero, and the weight with it.
    decays: () => false,
  };
}

/** `A [r, I]`, `N [r, r]`, `B [O, r]` of `W [O, I]`: `B N A` has its first rows and columns. */
export function nystromFactors(W: Tensor, rank: number) {
  const A = ops.narrow(W, 0, 0, rank);
  const corner = ops.narrow(A, 1, 0, rank);
  const exact = ops.to(corner, 'float64');
  const [U, S, V] = byOneThread(() => ops.linalgSvd(exact, false));
  const isUsed = ops.geScalar(S, leastValue * item(ops.amax(S)));
  const inverse = ops.mul(ops.reciprocal(ops.clamp(S, 1e-300)), ops.to(isUsed, 'float64'));
  const N = byOneThread(() => ops.mm(ops.mul(ops.t(V), inverse), ops.t(U)));
  return {
    A: ops.contiguous(A),
    N: ops.to(N, W.dtype),
    B: ops.contiguous(ops.narrow(W, 1, 0, rank)),
  };
}
