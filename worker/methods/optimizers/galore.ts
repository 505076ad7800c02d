// GaLore: Memory-Efficient LLM Training by Gradient Low-Rank Projection (Zhao et al. 2024).
//
// Against plain training: the optimizer of a block's matrix sees its gradient in a subspace of rank
// R, and its state is of that size; every T updates the subspace is that of the gradient of the
// moment.
//   B ← about the first R singular vectors of the smaller side of G, when (t - 1) mod T = 0
//   low = G B (or B^T G)     u = inner(low)     W ← W - α back(u)     W ← W (1 - η λ)
// G [O, I] · B [min(O, I), R] · α scale · T refresh · η rate · λ decay · t updates of the state
//
// State per matrix: B in float32, the inner optimizer's of low, and a master of a bfloat16 weight
// unless it is rounded stochastically. Embedding, head, norms and biases go through the inner optimizer
// as they are, at the rate without α. Means are neither turned nor cleared at a refresh, as in the
// release: old ones are read in the new basis. Between refreshes one process makes low of dy and x,
// whose product G is: (dy^T x) B = dy^T (x B) is a third of the work and makes no G
// (engine/gradient-factors.ts). Ranks of a world, of which only the owner of a matrix has its
// basis, sum G up. Differently from the release: the norms by which gradients are clipped are those
// of low, the gradient of the active parameters; B comes from the Gram matrix, by directions that
// are drawn and turned where not all are asked for, with signs of its own rule (subspace.ts); a
// rank above the smaller side is that side; the update happens once a step, when all micro-batches
// have been added, also where it runs inside the backward; state is freed with its block by LISA
// and OwLore, and a block that enters begins with a refresh.
import { Bug } from '../../../crds/failures/errors.ts';
import { rankWithin } from '../../../crds/methods/galore.ts';
import { trimMemory } from '../../tensor/memory.ts';
import * as ops from '../../tensor/ops.generated.ts';
import { scope } from '../../tensor/scope.ts';
import { item, type Tensor } from '../../tensor/tensor.ts';
import type { ProductChange } from '../weights/affine-groups.ts';
import { exactOf, type MasterWeights, masterWeightOf, takeOver_ } from './master-weights.ts';
import type { Optimizer, OptimizerState, UpdateStep } from './optimizer.ts';
import {
  addProduct_,
  fromSubspace,
  intoSubspace,
  isLessInFactors,
  lowShape,
  productInSubspace,
  topSubspace,
  wideOf,
} from './subspace.ts';

export interface GaloreSettings {
  /** Undefined is a quarter of the smaller side. */
  readonly rank: number | undefined;
  /** α */
  readonly scale: number;
  /** λ */
  readonly weightDecay: number;
  readonly masterWeights: MasterWeights;
}

/** How bases are kept and when they are chosen. */
export interface Subspaces {
  /** A name of its state that every matrix has. */
  readonly key: string;
  /** Of a matrix with this smaller side; `dtype` is that of its arithmetic. */
  initialize(smaller: number, rank: number, dtype: 'float32' | 'float64'): OptimizerState;
  /** Whether a matrix that has had so many updates wants another one. */
  isDue(state: OptimizerState, updates: number): boolean;
  /** From a gradient that is finite. */
  choose(gradient: Tensor, state: OptimizerState): void;
  /** `[N, R]`, the last one that was chosen. */
  kept(state: OptimizerState, dtype: Tensor['dtype']): Tensor;
  /** Whether any was chosen since this was last asked. */
  takeChosen(): boolean;
}

/** `inner` has the same decay and master weights, for what is not projected. */
export function galore(
  settings: GaloreSettings,
  inner: Optimizer,
  subspaces: Subspaces,
  name = 'GaLore',
): Optimizer {
  return {
    name,
    initialize: (value, role) =>
      role?.isBlockMatrix === true
        ? initialize(settings, inner, subspaces, value)
        : inner.initialize(value, role),
    update(value, gradient, state, step) {
      if (state[subspaces.key] === undefined) inner.update(value, gradient, state, step);
      else scope(() => update({ settings, inner, subspaces }, value, gradient, state, step));
    },
    projection: {
      change(low, state, step, shape) {
        if (state[subspaces.key] === undefined) return null;
        return change({ settings, inner, subspaces }, low, state, step, shape);
      },
      projector(state, updates, shape, tokens) {
        const isWanted = state[subspaces.key] === undefined || subspaces.isDue(state, updates);
        const rank = rankWithin(Math.min(...shape), settings.rank);
        if (isWanted || !isLessInFactors(shape, rank, tokens)) return null;
        return (dy, x) => scope(() => productInSubspace(dy, x, subspaces.kept(state, dy.dtype)));
      },
      project(gradient, state, updates) {
        if (state[subspaces.key] === undefined) return null;
        if (subspaces.isDue(state, updates)) {
          // The norm of the whole will say why.
          if (!isAllFinite(gradient)) return null;
          subspaces.choose(gradient, state);
        }
        return scope(() => intoSubspace(gradient, subspaces.kept(state, gradient.dtype)));
      },
    },
    endStep() {
      // MKL's factorizations are up to 25 MiB of programs that nothing else runs.
      if (subspaces.takeChosen()) trimMemory();
    },
  };
}

/** Bases in full, chosen every T updates. `find` is how directions are found. */
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

/** Whether there was a choice. */
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

function initialize(
  settings: GaloreSettings,
  inner: Optimizer,
  subspaces: Subspaces,
  value: Tensor,
): OptimizerState {
  const dtype = wideOf(value);
  const smaller = Math.min(...value.shape);
  const rank = rankWithin(smaller, settings.rank);
  const low = ops.zeros(lowShape(value.shape, rank), { dtype });
  return {
    ...inner.initialize(low),
    ...subspaces.initialize(smaller, rank, dtype),
    ...masterWeightOf(value, settings.masterWeights),
  };
}

interface Projected {
  readonly settings: GaloreSettings;
  readonly inner: Optimizer;
  readonly subspaces: Subspaces;
}

function change(
  { settings, inner, subspaces }: Projected,
  low: Tensor,
  state: OptimizerState,
  step: UpdateStep,
  shape: readonly number[],
): ProductChange {
  const { scale, weightDecay } = settings;
  if (step.projectedIn === undefined) throw new Bug("a gradient is not in GaLore's subspace");
  // A gradient in bfloat16 has no digits that products of bfloat16 would lose on the way back, and
  // they take half the time or less.
  const basis = subspaces.kept(state, step.projectedIn);
  // What the inner optimizer does to zeros is its change.
  const moved = ops.zeros(low.shape, { dtype: low.dtype });
  inner.update(moved, low, state, { ...step, decayed: false });
  const kept = step.decayed ? 1 - step.learningRate * weightDecay : 1;
  return { ...fromSubspace(moved, basis, shape), alpha: scale, kept };
}

function update(
  projected: Projected,
  value: Tensor,
  low: Tensor,
  { master, ...state }: OptimizerState,
  step: UpdateStep,
): void {
  const moved = change(projected, low, state, step, value.shape);
  const exact = exactOf(value, master);
  addProduct_(exact, moved, moved.alpha);
  if (moved.kept !== 1) ops.mulScalar_(exact, moved.kept);
  takeOver_(value, exact, master, step.stream);
}
