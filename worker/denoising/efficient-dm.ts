// EfficientDM: a diffusion model in a few bits, weights and inputs, without data. He et al. 2024.
//   W' = Qw(W + s B A; sw)      x' = Qx(x; sx[t], zx[t])
// The factors of LoRA are added before rounding, so only integers remain at the end. The student
// learns along the trajectories of the full model (trajectory.ts). A weight changes its integer
// when it has moved about half a step, so factors learn by a rate in proportion to the steps of
// their layer (scale-aware). Against the paper: inlet and outlet stay as they are, steps are
// trained as logs, and zero points are integers at every step.

import type { BuildOptions } from '../engine/build-model.ts';
import type { InputRows } from '../engine/input-parameters.ts';
import type { Parameter } from '../engine/parameters.ts';
import { logScale } from '../methods/weights/fake-quantized.ts';
import { inputLogScale, inputZero } from '../nn/rounded-input.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { item, type Tensor } from '../tensor/tensor.ts';

/**
 * Rates of the paper's code over that of the steps of inputs, 5e-4, which is the job's: of factors
 * in steps of their layer (1 / 2500), and of the steps of weights (1e-6).
 */
const ratios = { factorsPerStep: 0.8, weightSteps: 2e-3 } as const;

/** A model that begins as the full one rounded to nearest. `ranges` are those of its inputs. */
export function scaleAware(
  options: BuildOptions,
  ranges: ReadonlyMap<string, InputRows>,
): BuildOptions {
  const { inputs = null } = options;
  return {
    ...options,
    inputs: inputs && {
      ...inputs,
      initial: (path) => ranges.get(path) ?? inputs.initial(path),
    },
    factorOf,
  };
}

function factorOf(parameter: Parameter, beside: readonly Parameter[]): number {
  const { name, suffix } = parameter;
  const meanStep = (log: Tensor): number => scope(() => item(ops.mean(ops.exp(log))));
  if (name.endsWith(inputLogScale)) return 1 / meanStep(parameter.value);
  if (name.endsWith(inputZero)) return 1;
  if (name.endsWith(logScale)) return ratios.weightSteps / meanStep(parameter.value);
  // Zero points of weights.
  if (suffix === undefined) return ratios.weightSteps;
  const path = name.slice(0, -suffix.length - 1);
  const steps = beside.find((one) => one.name === `${path}.${logScale}`);
  return steps === undefined ? 1 : ratios.factorsPerStep * meanStep(steps.value);
}
