// Distillation along the trajectories of a full model, without data: the full model denoises first
// noise step by step, and at each step the student learns to find the noise that it finds. He et
// al. 2024 (EfficientDM).
//
// Shapes: P pictures · C channels · s pixels of a side
import type { DiffusionConfig } from '../diffusion/config.ts';
import { diffusionConfig } from '../diffusion/config.ts';
import { type DdimStep, ddimSteps } from '../diffusion/ddim.ts';
import { fillNormal } from '../diffusion/noise.ts';
import { fromPatches } from '../diffusion/patches.ts';
import type { SamplerConfig } from '../diffusion/sampler-config.ts';
import type { Model } from '../engine/model.ts';
import { keep, scope } from '../tensor/scope.ts';
import { drawsOf, streamOf } from '../tensor/streams.ts';
import { type Tensor, toFloats } from '../tensor/tensor.ts';
import { denoised, guidedNoise, patchesOnDevice } from './sample.ts';

export interface TrajectorySettings {
  readonly sampler: SamplerConfig;
  /** Denoising steps of a trajectory. */
  readonly steps: number;
  readonly guidance: number;
  readonly seed: number | bigint;
}

/** Pictures on one of their denoising steps, and what the full model says of them. */
export interface TrajectoryPoint {
  /** Number of the denoising step. */
  readonly step: number;
  readonly time: number;
  readonly classes: readonly number[];
  /** `[P, C, s, s]`, both. */
  readonly noised: Float32Array;
  /** After guidance. */
  readonly noise: Float32Array;
}

/**
 * The trajectories of some pictures, by their numbers in the run, from noise on. Class and first
 * noise of each are drawn by the seed, the run and its number.
 */
export class Trajectory implements Disposable {
  readonly #full: Model;
  readonly #config: DiffusionConfig;
  readonly #settings: TrajectorySettings;
  readonly #steps: readonly DdimStep[];
  readonly #classes: readonly number[];
  #x: Tensor;
  #step = 0;

  constructor(full: Model, run: number, members: readonly number[], settings: TrajectorySettings) {
    const { sampler, steps, seed } = settings;
    const config = diffusionConfig(full.config);
    this.#full = full;
    this.#config = config;
    this.#settings = settings;
    this.#steps = ddimSteps(sampler, steps);
    this.#classes = members.map((number) =>
      drawsOf(streamOf(seed, 'class of a trajectory', run, number)).below(config.labels),
    );
    const size = config.channels * config.side ** 2;
    const first = new Float32Array(members.length * size);
    for (const [i, number] of members.entries()) {
      const own = first.subarray(i * size, (i + 1) * size);
      fillNormal(own, streamOf(seed, 'noise of a trajectory', run, number));
    }
    this.#x = scope(() => keep(patchesOnDevice(full, config, first)), full.device);
  }

  /**
   * The present step; the next call is about the one after it. `see` is shown the inputs of the
   * full model's linear layers.
   */
  next(see?: (path: string, x: Tensor) => void): TrajectoryPoint {
    const step = this.#step;
    const present = this.#steps[step];
    if (present === undefined) throw new RangeError(`a trajectory has no step ${step}`);
    const { guidance } = this.#settings;
    const at = { classes: this.#classes, guidance, time: present.time, row: 0 };
    const host = (x: Tensor): Float32Array => fromPatches(toFloats(x), this.#config, 'ByPixel');
    const before = this.#x;
    const { found, after } = scope(() => {
      const noise = guidedNoise(this.#full, before, at, (walk) => walk.finish({ input: see }));
      return {
        found: { noised: host(before), noise: host(noise) },
        after: keep(denoised(before, noise, present)),
      };
    }, this.#full.device);
    before.dispose();
    this.#x = after;
    this.#step = step + 1;
    return { step, time: present.time, classes: this.#classes, ...found };
  }

  [Symbol.dispose](): void {
    this.#x.dispose();
  }
}
