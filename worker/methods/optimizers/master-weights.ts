// How a bfloat16 parameter is updated: through float32 master weights, or with stochastic rounding
// without them, each update being computed in float32 and rounded stochastically.
import * as ops from '../../tensor/ops.generated.ts';
import type { Stream } from '../../tensor/streams.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { OptimizerState } from './optimizer.ts';

export type MasterWeights = 'Float32' | 'StochasticRounding';

/** `{ master }` where the parameter has master weights, else `{}`. */
export function masterWeightOf(value: Tensor, masterWeights: MasterWeights): OptimizerState {
  return value.dtype === 'bfloat16' && masterWeights === 'Float32'
    ? { master: ops.to(value, 'float32') }
    : {};
}

/** The tensor to update in place of the value: the value itself unless it is bfloat16. */
export function exactOf(value: Tensor, master: Tensor | undefined): Tensor {
  return master ?? (value.dtype === 'bfloat16' ? ops.to(value, 'float32') : value);
}

/** Rounds the updated tensor of `exactOf` into the value. */
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
