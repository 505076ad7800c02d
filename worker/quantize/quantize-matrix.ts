// A matrix and what is known of its inputs, to codes and steps.
import { Bug } from '../../crds/failures/errors.ts';
import {
  codeRange,
  codes,
  fittedSteps,
  type IntegerGrid,
  type Steps,
  times_,
} from '../methods/weights/learned-step.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { onDevice, type Tensor } from '../tensor/tensor.ts';
import { adaQuant, type SeenInputs } from './adaquant.ts';
import { clippedSteps } from './clip-search.ts';
import { aimOf } from './drift.ts';
import { gptqCodes, inverseFactor } from './gptq.ts';
import { refittedScales } from './refit-scales.ts';
import type { InputGrid } from './rounded-inputs.ts';

export interface RoundingSettings {
  readonly grid: IntegerGrid;
  /** How steps are chosen: from the extremes of a group, or by what clipping less costs. */
  readonly steps: 'Extremes' | 'ClipSearch';
  /** Each value to nearest, one column after the other, or to nearest after they were trained. */
  readonly rounding: 'Nearest' | 'GPTQ' | 'AdaQuant';
  /** How often scales are fitted to the codes, and codes chosen for these scales. */
  readonly refits: number;
  /** What inputs are rounded to while the result runs. @default nothing */
  readonly inputs?: InputGrid | null;
  /** Updates of weights that are trained. */
  readonly iterations?: number | undefined;
}

export interface IntegerMatrix {
  /** uint8 `[O, I]`, counted from the least code of the grid. */
  readonly codes: Tensor;
  readonly steps: Steps;
}

/**
 * For `weight [O, I]` and `gram` X^T X `[I, I]` of its inputs, both float32; null for settings that
 * look at none.
 */
export function quantizeMatrix(
  weight: Tensor,
  gram: Tensor | null,
  { grid, steps: how, rounding, refits }: RoundingSettings,
): IntegerMatrix {
  return scope(() => {
    const U = rounding === 'GPTQ' ? onDevice(inverseFactor(known(gram)), weight.device) : null;
    const round = (steps: Steps): Tensor =>
      U === null ? nearestCodes(weight, steps, grid) : gptqCodes(weight, U, steps, grid);
    const start = startingSteps(weight, gram, { grid, steps: how });
    const outputs = (): Outputs => ({ gram: known(gram), aim: ops.linear(weight, known(gram)) });
    return rounded(start, round, { grid, refits, outputs });
  });
}

/** Where weights are trained by inputs of two models. */
export function trainMatrix(
  weight: Tensor,
  seen: SeenInputs,
  { grid, steps: how, refits, iterations = 0 }: RoundingSettings,
): IntegerMatrix {
  return scope(() => {
    const { gram } = seen.trained;
    const start = startingSteps(weight, gram, { grid, steps: how });
    const found = adaQuant(weight, seen, { start, grid, iterations });
    const outputs = (): Outputs => {
      return { gram, aim: ops.add_(ops.linear(weight, gram), aimOf(weight, seen.trained)) };
    };
    const round = (steps: Steps): Tensor => nearestCodes(found.weight, steps, grid);
    return rounded(found.steps, round, { grid, refits, outputs });
  });
}

/** Each value to the nearest integer. */
export function nearestMatrix(weight: Tensor, steps: Steps, grid: IntegerGrid): IntegerMatrix {
  return { codes: nearestCodes(weight, steps, grid), steps };
}

/** What integers times scales are to come near on all tokens: `gram [I, I]`, `aim [O, I]`. */
interface Outputs {
  readonly gram: Tensor;
  readonly aim: Tensor;
}

interface Refits extends Pick<RoundingSettings, 'grid' | 'refits'> {
  readonly outputs: () => Outputs;
}

/** Integers for the steps, then scales for the integers, so many times. */
function rounded(
  start: Steps,
  round: (steps: Steps) => Tensor,
  { grid, refits, outputs }: Refits,
): IntegerMatrix {
  let steps = start;
  let found = round(steps);
  if (refits === 0) return { codes: found, steps };
  const { gram, aim } = outputs();
  for (let turn = 0; turn < refits; turn += 1) {
    const fixed = { steps: fromZero(found, steps, grid), scale: steps.scale, grid };
    steps = { ...steps, scale: refittedScales(aim, gram, fixed) };
    if (turn + 1 < refits) found = round(steps);
  }
  return { codes: found, steps };
}

/** `gram` may be null for steps of the extremes. */
function startingSteps(
  weight: Tensor,
  gram: Tensor | null,
  { grid, steps }: Pick<RoundingSettings, 'grid' | 'steps'>,
): Steps {
  if (steps === 'Extremes') return fittedSteps(weight, grid);
  const h = ops.contiguous(ops.diagonal(known(gram)));
  return clippedSteps(weight, h, grid);
}

/** The float32 values that a quantized matrix stands for. */
export function integerValues({ codes: found, steps }: IntegerMatrix, grid: IntegerGrid): Tensor {
  return scope(() => times_(fromZero(found, steps, grid), steps.scale, grid));
}

function known(gram: Tensor | null): Tensor {
  if (gram === null) throw new Bug('a matrix is quantized by inputs that nobody measured');
  return gram;
}

/** Counted from the least code. */
function nearestCodes(weight: Tensor, steps: Steps, grid: IntegerGrid): Tensor {
  const [low] = codeRange(grid);
  return scope(() => ops.to(ops.addScalar(codes(weight, steps, grid), -low), 'uint8'));
}

/** `q - z`, float32. */
function fromZero(found: Tensor, { zero }: Steps, grid: IntegerGrid): Tensor {
  const [low] = codeRange(grid);
  return scope(() => {
    const [rows = 0, columns = 0] = found.shape;
    const groups = columns / (grid.groupSize ?? columns);
    const q = ops.addScalar(ops.to(found, 'float32'), low);
    if (zero === null) return q;
    const grouped = ops.view(q, [rows, groups, columns / groups]);
    return ops.view(ops.sub_(grouped, ops.unsqueeze(zero, 2)), [rows, columns]);
  });
}
