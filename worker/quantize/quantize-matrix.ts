// A matrix and what is known of its inputs, to codes and steps.
import { Bug } from '../../crds/failures/errors.ts';
import type { IntegerGrid, Steps } from '../methods/weights/learned-step.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { onDevice, type Tensor } from '../tensor/tensor.ts';
import { adaQuant, type SeenInputs } from './adaquant.ts';
import { clippedSteps } from './clip-search.ts';
import { aimOf } from './drift.ts';
import { asRowsOfE4m3, rowPowers, storableScales } from './float-grid.ts';
import { sweptFloats } from './float-sweep.ts';
import { gptqCodes, inverseFactor } from './gptq.ts';
import { refittedScales } from './refit-scales.ts';
import type { InputGrid } from './rounded-inputs.ts';
import {
  fromZero,
  isFloat,
  lossOfGroups,
  nearestCodes,
  type RoundingGrid,
  stepsFor,
  valuesOf,
} from './rounding-grid.ts';

export interface RoundingSettings {
  readonly grid: RoundingGrid;
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

export interface CodedMatrix {
  /** `[O, I]`: uint8, counted from the least code of the grid, or values in e4m3. */
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
): CodedMatrix {
  return scope(() => {
    const U = rounding === 'GPTQ' ? onDevice(inverseFactor(known(gram)), weight.device) : null;
    const round = (steps: Steps): Tensor => {
      if (U === null) return nearestCodes(weight, steps, grid);
      return (isFloat(grid) ? sweptFloats : gptqCodes)(weight, U, steps, grid as never);
    };
    const h = how === 'Extremes' ? null : ops.contiguous(ops.diagonal(known(gram)));
    const start = startingSteps(weight, h, grid);
    if (isFloat(grid) && grid.scales === 'RowPowers') {
      const ofRows = rowPowers(start.scale, (own) => lossOfGroups(weight, h, own, grid));
      return asRowsOfE4m3(round(ofRows), ofRows);
    }
    const outputs = (): Outputs => ({ gram: known(gram), aim: ops.linear(weight, known(gram)) });
    return rounded(start, round, { grid, refits: refitsOf(grid, refits), outputs });
  });
}

/** Powers of two are not fitted. */
function refitsOf(grid: RoundingGrid, refits: number): number {
  return isFloat(grid) && grid.scales === 'PowerOfTwo' ? 0 : refits;
}

/** Where weights are trained by inputs of two models. */
export function trainMatrix(
  weight: Tensor,
  seen: SeenInputs,
  { grid: any, steps: how, refits, iterations = 0 }: RoundingSettings,
): CodedMatrix {
  return scope(() => {
    const grid = integersOf(any);
    const { gram } = seen.trained;
    const h = how === 'Extremes' ? null : ops.contiguous(ops.diagonal(gram));
    const start = startingSteps(weight, h, grid);
    const found = adaQuant(weight, seen, { start, grid, iterations });
    const outputs = (): Outputs => {
      return { gram, aim: ops.add_(ops.linear(weight, gram), aimOf(weight, seen.trained)) };
    };
    const round = (steps: Steps): Tensor => nearestCodes(found.weight, steps, grid);
    return rounded(found.steps, round, { grid, refits, outputs });
  });
}

/** Each value to the nearest integer. */
export function nearestMatrix(weight: Tensor, steps: Steps, grid: IntegerGrid): CodedMatrix {
  return { codes: nearestCodes(weight, steps, grid), steps };
}

/** Of methods that train steps. */
export function integersOf(grid: RoundingGrid): IntegerGrid {
  if (isFloat(grid)) throw new Bug('steps train on a grid of integers');
  return grid;
}

/** What integers times scales are to come near on all tokens: `gram [I, I]`, `aim [O, I]`. */
interface Outputs {
  readonly gram: Tensor;
  readonly aim: Tensor;
}

interface Refits extends Pick<RoundingSettings, 'grid' | 'refits'> {
  readonly outputs: () => Outputs;
}

/** Codes for the steps, then scales for the codes, so many times. */
function rounded(
  start: Steps,
  round: (steps: Steps) => Tensor,
  { grid, refits, outputs }: Refits,
): CodedMatrix {
  let steps = start;
  let found = round(steps);
  if (refits === 0) return { codes: found, steps };
  const { gram, aim } = outputs();
  const stored = isFloat(grid) ? (scale: Tensor) => storableScales(scale, grid) : undefined;
  for (let turn = 0; turn < refits; turn += 1) {
    const fixed = { steps: fromZero(found, steps, grid), scale: steps.scale, grid };
    steps = { ...steps, scale: refittedScales(aim, gram, fixed, stored) };
    if (turn + 1 < refits) found = round(steps);
  }
  return { codes: found, steps };
}

/** `h` are the squares of inputs `[I]`; null for steps of the extremes. */
function startingSteps(weight: Tensor, h: Tensor | null, grid: RoundingGrid): Steps {
  return h === null ? stepsFor(weight, grid) : clippedSteps(weight, h, grid);
}

/** The float32 values that a quantized matrix stands for. */
export function codedValues({ codes, steps }: CodedMatrix, grid: RoundingGrid): Tensor {
  return valuesOf(codes, steps, grid);
}

function known(gram: Tensor | null): Tensor {
  if (gram === null) throw new Bug('a matrix is quantized by inputs that nobody measured');
  return gram;
}
