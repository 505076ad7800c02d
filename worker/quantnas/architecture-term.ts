// What choices are held to beside the loss: few products of many bits, and, more and more, one
// operation in each place. QuantNAS:
//
//   penalty * sum of P(o, b) cost(o, b) / norm   +   entropy * ramp(step) * sum of H(P)
// The norm is the cost of all places where every choice has the same weight; the ramp is 0 in the
// first quarter of the steps behind the warm-up and rises to 1 from there.
import { grad, leaf, withTape } from '../tensor/autograd.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { type Tensor, tensor } from '../tensor/tensor.ts';
import type { SupernetConfig } from './config.ts';
import { bitOperations, choicesOf, placesOfCell } from './space.ts';

export interface ArchitectureSettings {
  readonly penalty: number;
  readonly entropy: number;
  readonly warmupSteps: number;
}

interface Term {
  /** A float64 scalar. */
  readonly value: Tensor;
  readonly gradient: Tensor;
}

/** From 0 to 1. */
export function entropyRamp(step: number, warmupSteps: number, totalSteps: number): number {
  const behind = (step - warmupSteps) / Math.max(1, totalSteps - 1 - warmupSteps);
  return Math.min(1, Math.max(0, (behind - 0.25) / 0.75));
}

/** Of the alphas of one place. */
export function architectureTerm(
  { H, L, space }: Pick<SupernetConfig, 'H' | 'L' | 'space'>,
  { penalty, entropy }: Pick<ArchitectureSettings, 'penalty' | 'entropy'>,
  ramp: number,
  alphas: Tensor,
): Term {
  const costs = choicesOf(space).map((choice) => bitOperations(choice, H));
  const usual = costs.reduce((sum, one) => sum + one, 0) / costs.length;
  const norm = usual * L * placesOfCell;
  return scope(() => {
    const { own, value } = withTape(() => {
      const own = leaf(alphas);
      const logP = ops.logSoftmax(own, 0, 'float64');
      const P = ops.exp(logP);
      const cost = tensor(
        costs.map((one) => (penalty * one) / norm),
        P.shape,
        'float64',
      );
      const disorder = ops.mulScalar(logP, -entropy * ramp);
      return { own, value: ops.sum(ops.mul(P, ops.add(cost, disorder))) };
    });
    const [gradient] = grad([value], [own], [null]);
    return { value: ops.detach(value), gradient: gradient ?? ops.zerosLike(alphas) };
  });
}
