// GaLore: Memory-Efficient LLM Training by Gradient Low-Rank Projection (Zhao et al. 2024).
//
// Against full fine-tuning: the optimizer sees the gradient of a block's matrix projected into a
// subspace of rank R, and its state has that size. Every T updates the subspace is recomputed from
// the present gradient.
//   B ← about the first R singular vectors of the smaller side of G, when (t - 1) mod T = 0
//   low = G B (or B^T G)     u = inner(low)     W ← W - α back(u)     W ← W (1 - η λ)
// G [O, I] · B [min(O, I), R] · α scale · T refresh · η rate · λ decay · t updates of the state
//
// State per matrix: B in float32, the inner optimizer's state of low, and master weights of a
// bfloat16 weight unless it is rounded stochastically. Embedding, head, norms and biases go to the
// inner optimizer unprojected, at the rate without α. Moments are neither rotated nor reset at a
// refresh, as in the release: the old ones are read in the new basis. Between refreshes a single
// process computes low from dy and x, whose product is G: dy^T (x B) is a third of the work of
// (dy^T x) B and needs no G (engine/gradient-factors.ts). In a world only the owner of a matrix has
// its basis, so ranks sum G. Differences from the release: gradient clipping uses the norms of low,
// for the active parameters; B comes from the Gram matrix, or from a randomized sketch unless exact
// directions are asked for, with its own rule for signs (subspace.ts); a rank above the smaller
// side becomes that side; the update happens once a step after all micro-batches, also where it
// runs inside the backward; LISA and OwLore free the state with its block, and a block that becomes
// active begins with a refresh.
import { Bug } from '../../../crds/failures/errors.ts';
import { rankWithin } from '../../../crds/methods/galore.ts';
import { trimMemory } from '../../tensor/memory.ts';
import * as ops from '../../tensor/ops.generated.ts';
import { scope } from '../../tensor/scope.ts';
import { item, type Tensor } from '../../tensor/tensor.ts';
import type { ProductChange } from '../weights/affine-groups.ts';
import { type Frame, oneSided } from './frame.ts';
import { exactOf, type MasterWeights, masterWeightOf, takeOver_ } from './master-weights.ts';
import type { Optimizer, OptimizerState, UpdateStep } from './optimizer.ts';
import { addProduct_, isLessInFactors, topSubspace, wideOf } from './subspace.ts';

export interface GaloreSettings {
  /** R; undefined is a quarter of the smaller side. */
  readonly rank: number | undefined;
  /** α */
  readonly scale: number;
  /** λ */
  readonly weightDecay: number;
  readonly masterWeights: MasterWeights;
  /** @default the smaller side */
  readonly frame?: Frame;
}

/** How bases are stored and when they are refreshed. */
export interface Subspaces {
  /** Name of a state tensor that every projected matrix has. */
  readonly key: string;
  /** State of a matrix whose smaller side is `smaller`; `dtype` is that of its arithmetic. */
  initialize(smaller: number, rank: number, dtype: 'float32' | 'float64'): OptimizerState;
  /** Whether the basis is to be refreshed after so many updates. */
  isDue(state: OptimizerState, updates: number): boolean;
  /** Refreshes the basis from a finite gradient. */
  choose(gradient: Tensor, state: OptimizerState): void;
  /** The present basis, `[N, R]`. */
  kept(state: OptimizerState, dtype: Tensor['dtype']): Tensor;
  /** Whether a basis was refreshed since the last call. */
  takeChosen(): boolean;
}

/** Changes projected gradients before the inner optimizer sees them. */
export interface WithinSubspace {
  /** State beside that of the inner optimizer, for gradients with the shape of `low`. */
  initialize(low: Tensor): OptimizerState;
  /** The basis has been refreshed. */
  forget(state: OptimizerState): void;
  /** The gradient that the inner optimizer sees, with the factor of clipping in it. */
  change(low: Tensor, state: OptimizerState, step: UpdateStep): Tensor;
}

/** `inner` has the same decay and master weights; it updates directly what is not projected. */
export function galore(
  settings: GaloreSettings,
  inner: Optimizer,
  subspaces: Subspaces,
  name = 'GaLore',
  within: WithinSubspace | null = null,
): Optimizer {
  const { frame = oneSided } = settings;
  const projected = { settings, frame, inner, subspaces, within };
  return {
    name,
    initialize: (value, role) =>
      role?.isBlockMatrix === true ? initialize(projected, value) : inner.initialize(value, role),
    update(value, gradient, state, step) {
      if (state[subspaces.key] === undefined) inner.update(value, gradient, state, step);
      else scope(() => update(projected, value, gradient, state, step));
    },
    projection: {
      change(low, state, step, shape) {
        if (state[subspaces.key] === undefined) return null;
        return change(projected, low, state, step, shape);
      },
      projector(state, updates, shape, tokens) {
        const isWanted = state[subspaces.key] === undefined || subspaces.isDue(state, updates);
        const rank = rankWithin(Math.min(...shape), settings.rank);
        if (isWanted || !isLessInFactors(shape, rank, tokens)) return null;
        return (dy, x) => scope(() => frame.product(dy, x, subspaces.kept(state, dy.dtype), state));
      },
      project(gradient, state, updates) {
        if (state[subspaces.key] === undefined) return null;
        if (subspaces.isDue(state, updates)) {
          // The norm of all gradients reports it.
          if (!isAllFinite(gradient)) return null;
          subspaces.choose(gradient, state);
          scope(() => frame.choose(gradient, subspaces.kept(state, gradient.dtype), state));
          within?.forget(state);
        }
        return scope(() => frame.into(gradient, subspaces.kept(state, gradient.dtype), state));
      },
    },
    endStep() {
      // MKL's factorizations map up to 25 MiB of code that nothing else runs.
      if (subspaces.takeChosen()) trimMemory();
    },
  };
}

/** Bases in full precision, refreshed every T updates by `find`. */
export function exactSubspaces(refreshSteps: number, find = topSubspace): Subspaces {
  const since = choices();
  const basisOf = ({ basis }: OptimizerState) => {
    if (basis === undefined) throw new Bug('GaLore has no basis');
    return basis;
  };
  return {
    key: 'basis',
    isDue: (_, updates) => updates % refreshSteps === 0,
    initialize: (smaller, rank, dtype) => ({ basis: ops.zeros([smaller, rank], { dtype }) }),
    kept: (state, dtype) => ops.to(basisOf(state), dtype),
    choose(gradient, state) {
      const basis = basisOf(state);
      scope(() => ops.copy_(basis, find(gradient, basis.shape[1] ?? 0)));
      since.add();
    },
    takeChosen: since.take,
  };
}

function isAllFinite(gradient: Tensor): boolean {
  return Number.isFinite(
    scope(() => item(ops.linalgVectorNorm(gradient, 2, null, false, { dtype: wideOf(gradient) }))),
  );
}

/** Remembers whether a basis was refreshed. */
export function choices() {
  let any = false;
  return {
    add() {
      any = true;
    },
    take() {
      const was = any;
      any = false;
      return was;
    },
  };
}

interface Projected {
  readonly settings: GaloreSettings;
  readonly frame: Frame;
  readonly inner: Optimizer;
  readonly subspaces: Subspaces;
  readonly within: WithinSubspace | null;
}

function initialize(
  { settings, frame, inner, subspaces, within }: Projected,
  value: Tensor,
): OptimizerState {
  const dtype = wideOf(value);
  const smaller = Math.min(...value.shape);
  const rank = rankWithin(smaller, settings.rank);
  const low = ops.zeros(frame.lowShape(value.shape, rank), { dtype });
  return {
    ...inner.initialize(low),
    ...within?.initialize(low),
    ...subspaces.initialize(smaller, rank, dtype),
    ...frame.initialize(value.shape, rank, dtype),
    ...masterWeightOf(value, settings.masterWeights),
  };
}

function change(
  { settings, frame, inner, subspaces, within }: Projected,
  low: Tensor,
  state: OptimizerState,
  step: UpdateStep,
  shape: readonly number[],
): ProductChange {
  const { scale, weightDecay } = settings;
  if (step.projectedIn === undefined) throw new Bug("a gradient is not in GaLore's subspace");
  // Products in bfloat16 lose nothing of a bfloat16 gradient, and take half the time or less.
  const basis = subspaces.kept(state, step.projectedIn);
  // The inner optimizer's update of zeros is the change.
  const delta = ops.zeros(low.shape, { dtype: low.dtype });
  const [seen, gradientScale] =
    within === null ? [low, step.gradientScale] : [within.change(low, state, step), 1];
  inner.update(delta, seen, state, { ...step, gradientScale, decayed: false });
  const kept = step.decayed ? 1 - step.learningRate * weightDecay : 1;
  return { ...frame.from(delta, basis, state, shape), alpha: scale, kept };
}

function update(
  projected: Projected,
  value: Tensor,
  low: Tensor,
  { master, ...state }: OptimizerState,
  step: UpdateStep,
): void {
  const delta = change(projected, low, state, step, value.shape);
  const exact = exactOf(value, master);
  addProduct_(exact, delta, delta.alpha);
  if (delta.kept !== 1) ops.mulScalar_(exact, delta.kept);
  takeOver_(value, exact, master, step.stream);
}
