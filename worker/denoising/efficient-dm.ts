// EfficientDM: a diffusion model in a few bits, weights and inputs, without data. He et al. 2024.
//   W' = Qw(W + s B A; sw)      x' = Qx(x; sx[t], zx[t])
// The factors of LoRA are added before rounding, so only integers remain at the end. The student
// learns along the trajectories of the full model (trajectory.ts). A weight changes its integer
// when it has moved about half a step, so factors learn by a rate in proportion to the steps of
// their layer (scale-aware). Against the paper: inlet and outlet stay as they are, steps are
// trained as logs, and zero points are integers at every step.

import { buildModel, type ModelSource } from '../engine/build-model.ts';
import type { Model } from '../engine/model.ts';
import type { Parameter } from '../engine/parameters.ts';
import type { Updates } from '../engine/update.ts';
import { lora } from '../methods/adapters/lora.ts';
import { all } from '../methods/selection/all.ts';
import { learnedGrid, logScale } from '../methods/weights/fake-quantized.ts';
import type { InputGrid } from '../nn/rounded-input.ts';
import { inputLogScale, inputZero } from '../nn/rounded-input.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { streamOf } from '../tensor/streams.ts';
import { item, type Tensor } from '../tensor/tensor.ts';
import { step } from '../train/step.ts';
import { inputRanges } from './input-ranges.ts';
import { alongTrajectory, type TrajectorySettings } from './trajectory.ts';

interface StudentSettings {
  readonly weightBits: number;
  readonly inputs: InputGrid;
  readonly rank: number;
  readonly seed: bigint;
  readonly dtype: 'float32' | 'float64';
}

/** Of the paper's code: of factors in steps of their layer, and in units of what is trained. */
const rates = { factorsPerStep: 1 / 2500, weightSteps: 1e-6, inputSteps: 5e-4 } as const;

/** Begins as the full model rounded to nearest. The caller disposes its parameters. */
export function quantizedStudent(
  source: ModelSource,
  full: Model,
  settings: StudentSettings,
  trajectory: TrajectorySettings,
): Model {
  const { weightBits, inputs: grid, rank, seed, dtype } = settings;
  const ranges = inputRanges(full, grid, trajectory);
  const adapter = lora({
    ...{ rank, alpha: rank, dropout: 0, scaling: 'Standard', learningRateRatio: 1 },
    ...{ initialization: 'KaimingUniform', targets: () => true, seed, dtype },
  });
  return buildModel(source, {
    ...{ dtype, adapter, sequenceLength: full.config.contextLength },
    grid: learnedGrid({ bits: weightBits, range: 'Asymmetric' }, 1),
    inputs: {
      ...{ grid, learningRateFactor: 1 },
      initial: (path) => ranges.get(path) ?? { scales: [], zeros: [] },
    },
    factorOf: scaleAware,
  });
}

/** Of a schedule that begins at 1. */
function scaleAware(parameter: Parameter, beside: readonly Parameter[]): number {
  const { name, suffix } = parameter;
  const path = (end: string): string => name.slice(0, -end.length - 1);
  const meanStep = (log: Tensor): number => scope(() => item(ops.mean(ops.exp(log))));
  if (name.endsWith(logScale)) return rates.weightSteps / meanStep(parameter.value);
  if (name.endsWith(inputLogScale)) return rates.inputSteps / meanStep(parameter.value);
  if (name.endsWith(inputZero)) return rates.inputSteps;
  if (suffix === undefined) return rates.weightSteps;
  const steps = beside.find((one) => one.name === `${path(suffix)}.${logScale}`);
  return steps === undefined ? 1 : rates.factorsPerStep * meanStep(steps.value);
}

/** One run of trajectories, with an update for each denoising step; the mean loss of a picture. */
export function trainAlong(
  {
    full,
    student,
    updates,
  }: { readonly full: Model; readonly student: Model; readonly updates: Updates },
  { run, runs }: { readonly run: number; readonly runs: number },
  settings: TrajectorySettings,
): number {
  const active = all(student.parameters).at(0);
  let sum = 0;
  alongTrajectory(full, run, settings, {
    step({ sequence, targets }, row) {
      const count = run * settings.steps + row;
      const update = updates.begin({
        learningRate: 1 - count / (runs * settings.steps),
        count: () => count + 1,
        stream: (name) => streamOf(settings.seed, 'update', name, count),
      });
      const outcome = step({
        ...{ model: student, sequences: [sequence], targetTokens: targets, active, update },
        modes: new Array(student.config.L).fill('keep'),
        draw: ({ key }) => ({ seed: 0n, step: count, key }),
      });
      sum += (outcome.sums['loss'] ?? Number.NaN) / targets;
    },
  });
  return sum / settings.steps;
}
