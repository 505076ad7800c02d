// GaLore: Memory-Efficient LLM Training by Gradient Low-Rank Projection (Zhao et al. 2024).
//
// Against plain training: the optimizer of a block's matrix sees its gradient in a subspace of rank R, and its state is
// of that size; every T updates the subspace is that of the gradient of the moment.
//   B ← first R singular vectors of the smaller side of G, when (t - 1) mod T = 0
//   low = G B (or B^T G)     u = inner(low)     W ← W - α back(u)     W ← W (1 - η λ)
// G [O, I] · B [min(O, I), R] · α scale · T refresh · η rate · λ decay · t updates of the state
//
// State per matrix: B in float32, the inner optimizer's of low, and a master of a bfloat16 weight unless it is rounded by
// chance. Embedding, head, norms and biases go through the inner optimizer as they are, at the rate without α.
// Means are neither turned nor cleared at a refresh, as in the release: old ones are read in the new basis.
// Differently from the release: B comes from the Gram matrix with signs of its own rule (subspace.ts); a rank above the
// smaller side is that side; the update happens once a step, when all micro-batches have been added, also where it runs
// inside the backward; state is freed with its block by LISA and OwLore, and a block that enters begins with a refresh.
import { Bug } from '../../crds/errors.ts';
import { rankWithin } from '../../crds/methods/galore.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Optimizer, OptimizerState, UpdateStep } from './optimizer.ts';
import { addFromSubspace_, intoSubspace, lowShape, topSubspace } from './subspace.ts';

export interface GaloreSettings {
  /** Undefined is a quarter of the smaller side. */
  readonly rank: number | undefined;
  /** α */
  readonly scale: number;
  /** T */
  readonly refreshSteps: number;
  /** λ */
  readonly weightDecay: number;
  readonly masters: 'Float32' | 'StochasticRounding';
  /** How a basis is found. @default topSubspace */
  readonly find?: (gradient: Tensor, rank: number) => Tensor;
}

/** `inner` has the same decay and masters, for what is not projected. */
export function galore(settings: GaloreSettings, inner: Optimizer): Optimizer {
  return {
    name: 'GaLore',
    initialize: (value, role) =>
      role?.isBlockMatrix === true ? initialize(settings, inner, value) : inner.initialize(value),
    update(value, gradient, state, step) {
      if (state['basis'] === undefined) inner.update(value, gradient, state, step);
      else scope(() => update(settings, inner, value, gradient, state, step));
    },
  };
}

function initialize(settings: GaloreSettings, inner: Optimizer, value: Tensor): OptimizerState {
  const dtype = value.dtype === 'float64' ? 'float64' : 'float32';
  const rank = rankWithin(Math.min(...value.shape), settings.rank);
  const low = ops.zeros(lowShape(value.shape, rank), { dtype });
  const mastered = value.dtype === 'bfloat16' && settings.masters === 'Float32';
  return {
    ...inner.initialize(low),
    basis: ops.zeros([Math.min(...value.shape), rank], { dtype }),
    ...(mastered ? { master: ops.to(value, 'float32') } : {}),
  };
}

function update(
  settings: GaloreSettings,
  inner: Optimizer,
  value: Tensor,
  gradient: Tensor,
  { basis, master, ...state }: OptimizerState,
  step: UpdateStep,
): void {
  if (basis === undefined) throw new Bug('GaLore has no basis');
  const { find = topSubspace, scale, weightDecay, refreshSteps } = settings;
  const exact = master ?? (value.dtype === 'bfloat16' ? ops.to(value, 'float32') : value);
  const whole = ops.to(gradient, exact.dtype);
  if ((step.count - 1) % refreshSteps === 0) ops.copy_(basis, find(whole, basis.shape[1] ?? 0));
  const low = intoSubspace(whole, basis);
  // What the inner optimizer does to zeros is its change.
  const change = ops.zeros(low.shape, { dtype: low.dtype });
  inner.update(change, low, state, { ...step, decayed: false });
  addFromSubspace_(exact, change, basis, scale);
  if (step.decayed && weightDecay > 0) ops.mulScalar_(exact, 1 - step.learningRate * weightDecay);
  if (exact === value) return;
  if (master === undefined) ops.stochasticRound_(value, exact, step.stream.key, 0);
  else ops.copy_(value, exact);
}
