// Distillation along the trajectories of a full model, without data: the full model denoises first
// noise step by step, and at each step the student learns to find the noise that it finds. One
// update of the student for each denoising step. He et al. 2024 (EfficientDM).
import type { DiffusionConfig } from '../diffusion/config.ts';
import { diffusionConfig } from '../diffusion/config.ts';
import { ddimSteps } from '../diffusion/ddim.ts';
import { fillNormal } from '../diffusion/noise.ts';
import type { SamplerConfig } from '../diffusion/sampler-config.ts';
import type { Model } from '../engine/model.ts';
import type { PackedSequence } from '../engine/packed-sequence.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
import { drawsOf, streamOf } from '../tensor/streams.ts';
import { type Tensor, tensor } from '../tensor/tensor.ts';
import { type AtTime, denoised, guidedNoise, patchesOnDevice, sequenceAt } from './sample.ts';

export interface TrajectorySettings {
  readonly sampler: SamplerConfig;
  /** Denoising steps of a trajectory. */
  readonly steps: number;
  readonly guidance: number;
  /** Trajectories at once. */
  readonly pictures: number;
  readonly seed: number | bigint;
}

/** What the student is asked at one denoising step, and what the full model says to it. */
interface TrajectoryStep {
  readonly sequence: PackedSequence;
  /** Pictures, by which the student's loss is divided. */
  readonly targets: number;
}

interface Visitor {
  /** Must be done with the tensors of a step when it returns. */
  step?(step: TrajectoryStep, row: number): void;
  /** Is shown the inputs of the full model's linear layers. */
  input?(path: string, x: Tensor, row: number): void;
}

/**
 * The denoising steps of one run of trajectories. Classes and first noise are drawn by the seed and
 * the number of the run.
 */
export function alongTrajectory(
  teacher: Model,
  run: number,
  { sampler, steps, guidance, pictures, seed }: TrajectorySettings,
  visit: Visitor,
): void {
  const config = diffusionConfig(teacher.config);
  const draws = drawsOf(streamOf(seed, 'classes of trajectories', run));
  const classes = Array.from({ length: pictures }, () => draws.below(config.labels));
  let x: Tensor = scope(
    () => keep(patchesOnDevice(teacher, config, noiseOf(config, pictures, seed, run))),
    teacher.device,
  );
  for (const [row, step] of ddimSteps(sampler, steps).entries()) {
    const next = scope(() => {
      const at: AtTime = { classes, guidance, time: step.time, row };
      const see = visit.input && ((path: string, input: Tensor) => visit.input?.(path, input, row));
      const noise = guidedNoise(teacher, x, at, see);
      visit.step?.({ sequence: asked(teacher, x, at, noise), targets: pictures }, row);
      return keep(denoised(x, noise, step));
    }, teacher.device);
    x.dispose();
    x = next;
  }
  x.dispose();
}

function noiseOf(
  { channels, side }: DiffusionConfig,
  pictures: number,
  seed: number | bigint,
  run: number,
): Float32Array {
  const values = new Float32Array(pictures * channels * side ** 2);
  fillNormal(values, streamOf(seed, 'noise of trajectories', run));
  return values;
}

/** What the student gets: the sequence of the full model, and its noise as what is to be found. */
function asked(teacher: Model, x: Tensor, at: AtTime, noise: Tensor): PackedSequence {
  const sequence = sequenceAt(teacher, x, at);
  const pictures = at.classes.length;
  const quarter = tensor(new Array<number>(pictures).fill(0), [pictures], 'int64');
  return { ...sequence, inputs: { ...sequence.inputs, noise: ops.detach(noise), quarter } };
}
