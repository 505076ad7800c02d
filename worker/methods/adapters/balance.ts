// The balance loss of a mixture of experts (Fedus et al. 2022, as Mixtral has it): of a block and a
// micro-batch of T tokens that choose k of N experts each
//   N * sum over e of f_e P_e      f_e = choices of e / T, P_e = mean probability of e
// which is k where all experts are alike. f is a count and has no gradient. Micro-batches count by
// their tokens, as in the loss of the task.
import type { InsideLoss, Routing } from '../../nn/inside.ts';
import * as ops from '../../tensor/ops.generated.ts';
import { scope } from '../../tensor/scope.ts';
import { type Tensor, tensor } from '../../tensor/tensor.ts';
import { byOneThread } from '../../tensor/threads.ts';

interface BalanceTerm {
  readonly experts: number;
  /** Of each token: the weight, divided by the tokens of the step and the blocks. */
  readonly coefficient: number;
}

/** It measures the term times the tokens, and how many of these each expert got. */
export function balanceLoss({ experts, coefficient }: BalanceTerm): InsideLoss {
  return {
    size: 1 + experts,
    routed: (routing) => ({
      at: [routing.probabilities],
      gradients: () => [gradientOf(routing, coefficient)],
      measured: () => measuredOf(routing),
    }),
  };
}

/** `N f_e`, which multiplies the probabilities of an expert. */
function pullsOf({ probabilities, counts }: Routing): readonly number[] {
  const tokens = Math.max(1, probabilities.shape[0] ?? 0);
  return counts.map((count) => (counts.length * count) / tokens);
}

function gradientOf(routing: Routing, coefficient: number): Tensor {
  const { shape, dtype } = routing.probabilities;
  return scope(() => {
    const pulls = pullsOf(routing).map((pull) => coefficient * pull);
    return ops.contiguous(ops.expand(tensor(pulls, [1, pulls.length], dtype), shape));
  });
}

function measuredOf(routing: Routing): Tensor {
  const { counts } = routing;
  // Sums depend on the number of threads.
  return byOneThread(() =>
    scope(() => {
      const wide = ops.to(ops.detach(routing.probabilities), 'float64');
      const pulls = tensor(pullsOf(routing), [counts.length], 'float64');
      const term = ops.sum(ops.mul(ops.sumDim(wide, [0]), pulls));
      return ops.cat([ops.view(term, [1]), tensor(counts, [counts.length], 'float64')]);
    }),
  );
}
