// What a bfloat16 parameter is changed through: a float32 master beside it, or with stochastic
// rounding none, when each change is made in float32 and rounded up or down stochastically.
import * as ops from '../../tensor/ops.generated.ts';
import type { Stream } from '../../tensor/rng.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { OptimizerState } from './optimizer.ts';

export type MasterWeights = 'Float32' | 'StochasticRounding';

/** `{ master }` where the value has one, else `{}`. */
export function masterWeightOf(value: Tensor, masterWeights: MasterWeights): OptimizerState {
  return value.dtype === 'bfloat16' && masterWeights === 'Float32'
    ? { master: ops.to(value, 'float32') }
    : {};
}

/** What is to be changed in place of the value: the value itself, unless that is bfloat16. */
export function exactOf(value: Tensor, master: Tensor | undefined): Tensor {
  return master ?? (value.dtype === 'bfloat16' ? ops.to(value, 'float32') : value);
}

/** The value after what `exactOf` gave was changed. */
export function takeOver_(
  value: Tensor,
  exact: Tensor,
  master: Tensor | undefined,
  stream: Stream,
): void {
  if (exact === value) return;
  if (master === undefined) ops.stochasticRound_(value, exact, stream.key, 0);
  else ops.copy_(value, exact);
}
