// PV-Tuning: Beyond Straight-Through Estimation for Extreme LLM Compression (Malinovskii et al.
// 2024).
//
// Against LAMB on weights: the matrices W = s sum_k C_k[code] of the blocks are trained through
// their codes, codebooks and scales.
//   G = dL/dW
//   P: (dC, ds) = G through the decoding      C, s ← LAMB(dC, ds)
//   V: B ← B - LAMB(G), at a rate of its own  codes ← nearest to B under the new C, s, in the
//                                             groups where B is far (search-codes.ts)
//   B ← d W + (1 - d) B                       W decoded from the new codes
// B: the buffer, float32 [O, I], initially W · d: `deltaDecay`. 0 keeps all changes in the buffer
// (the published recipe); with 1 there is no buffer and each step starts from W: codes then hardly
// change unless the rate is large, as the paper says of the linearised step. A fraction tau of 1
// with d = 0 is straight-through estimation.
//
// State of a matrix: buffer (d < 1), exp_avg_sq and, with a nonzero first beta, exp_avg of W; those
// of codebooks and scales. Nothing of W where codes are frozen. Norms, biases, embedding and head
// are updated by LAMB directly. Differences from the release: the order of the codebooks in a
// search follows the job's seed (there it differs between runs), and the loss is the job's, not the
// divergence from the dense model.
import * as ops from '../../tensor/ops.generated.ts';
import { keep, scope } from '../../tensor/scope.ts';
import { item, type Tensor } from '../../tensor/tensor.ts';
import { type CodebookMatrix, decodeCodebook } from '../weights/codebook.ts';
import { type LambSettings, lamb_, lambState } from './lamb.ts';
import { exactOf, type MasterWeights, masterWeightOf, takeOver_ } from './master-weights.ts';
import type { Optimizer, OptimizerState, UpdateStep } from './optimizer.ts';
import { type SearchLimits, searchCodes } from './search-codes.ts';

export interface PvTuningSettings extends LambSettings {
  /** How codes are updated; null freezes them. */
  readonly codes: CodeSettings | null;
  /** Whether codebooks and scales are trained. */
  readonly updateCodebooks: boolean;
  readonly masterWeights: MasterWeights;
}

export interface CodeSettings extends SearchLimits {
  readonly beta1: number;
  readonly beta2: number;
  /** Learning rate of codes as a multiple of the job's. */
  readonly rateRatio: number;
  readonly deltaDecay: number;
}

export function pvTuning(settings: PvTuningSettings): Optimizer {
  const tally = { changed: 0, groups: 0 };
  /** Groups that changed in this step; the sum stays on the device until its end. */
  let changing: Tensor | null = null;
  return {
    name: 'PVTuning',
    initialize: (value) => ({
      ...lambState(value, settings),
      ...masterWeightOf(value, settings.masterWeights),
    }),
    update: (value, gradient, state, step) =>
      scope(() => updateDense(settings, value, gradient, state, step)),
    codebooks: {
      initialize: (matrix) => initialize(settings, matrix),
      update(matrix, gradient, state, step) {
        scope(() => {
          const changed = updateMatrix(settings, matrix, gradient, state, step);
          if (changed === null) return;
          if (changing === null) changing = keep(changed);
          else ops.add_(changing, changed);
        });
        tally.groups += (matrix.codes.shape[0] ?? 0) * (matrix.codes.shape[1] ?? 0);
      },
    },
    endStep() {
      if (changing === null) return;
      using own = changing;
      tally.changed += item(own);
      changing = null;
    },
    describe(sum) {
      if (settings.codes === null) return null;
      const [changed = 0, groups = 0] = sum([tally.changed, tally.groups]);
      Object.assign(tally, { changed: 0, groups: 0 });
      if (groups === 0) return null;
      return `${((100 * changed) / groups).toPrecision(2)} % of codes changed`;
    },
  };
}

function initialize(
  { codes, ...settings }: PvTuningSettings,
  matrix: CodebookMatrix,
): OptimizerState {
  const { codebooks, scales } = matrix;
  const dtype = codebooks.dtype;
  const trained = settings.updateCodebooks
    ? { ...lambState(codebooks, settings, 'codebooks_'), ...lambState(scales, settings, 'scales_') }
    : {};
  if (codes === null) return trained;
  const whole = decodeCodebook(matrix, dtype);
  const moments = lambState(whole, { ...settings, ...codes });
  return { ...trained, ...moments, ...(codes.deltaDecay < 1 ? { buffer: whole } : {}) };
}

/** Returns how many groups changed their codes; null where codes are frozen. */
function updateMatrix(
  settings: PvTuningSettings,
  matrix: CodebookMatrix,
  gradient: Tensor,
  state: OptimizerState,
  { learningRate, count, gradientScale, stream }: UpdateStep,
): Tensor | null {
  const { codes, updateCodebooks } = settings;
  const { codebooks, scales } = matrix;
  const scaled = ops.mulScalar_(ops.to(gradient, codebooks.dtype), gradientScale);
  const reference =
    codes === null ? null : (state['buffer'] ?? decodeCodebook(matrix, codebooks.dtype));
  if (updateCodebooks) {
    const [ofCodebooks, ofScales] = ops.codebookGradient(matrix.codes, codebooks, scales, scaled);
    const step = { settings, learningRate, count };
    lamb_(codebooks, ofCodebooks, state, { ...step, prefix: 'codebooks_' });
    lamb_(scales, ofScales, state, { ...step, prefix: 'scales_' });
  }
  if (codes === null || reference === null) return null;
  const rate = learningRate * codes.rateRatio;
  lamb_(reference, scaled, state, {
    settings: { ...settings, ...codes },
    learningRate: rate,
    count,
  });
  const changed = searchCodes(matrix, reference, codes, stream);
  if (codes.deltaDecay > 0 && codes.deltaDecay < 1) {
    const whole = decodeCodebook(matrix, codebooks.dtype);
    ops.add_(ops.mulScalar_(reference, 1 - codes.deltaDecay), whole, { alpha: codes.deltaDecay });
  }
  return changed;
}

function updateDense(
  settings: PvTuningSettings,
  value: Tensor,
  gradient: Tensor,
  state: OptimizerState,
  { learningRate, count, gradientScale, stream }: UpdateStep,
): void {
  const { master } = state;
  const exact = exactOf(value, master);
  const scaled = ops.mulScalar_(ops.to(gradient, exact.dtype), gradientScale);
  lamb_(exact, scaled, state, { settings, learningRate, count });
  takeOver_(value, exact, master, stream);
}
