// What a model that makes pictures is calibrated on: those that it makes itself, at all of their
// denoising steps, with their classes and, where there is guidance, once more without.
import { setImmediate } from 'node:timers/promises';
import { picturesTogether } from '../../crds/plan/trajectory.ts';
import { mergeSequences } from '../data/merge-sequences.ts';
import { type DiffusionConfig, diffusionConfig } from '../diffusion/config.ts';
import type { Model } from '../engine/model.ts';
import type { HostSequence } from '../engine/packed-sequence.ts';
import { Trajectory, type TrajectoryPoint, type TrajectorySettings } from './trajectory.ts';
import { trajectorySequence } from './trajectory-sequence.ts';

/** A sequence for each of the first `count` pictures of run 0. */
export async function calibrationPictures(
  model: Model,
  settings: TrajectorySettings,
  count: number,
  stop: AbortSignal,
): Promise<readonly HostSequence[]> {
  const all: HostSequence[] = [];
  for (let from = 0; from < count; from += picturesTogether) {
    const length = Math.min(picturesTogether, count - from);
    const members = Array.from({ length }, (_, i) => from + i);
    using trajectory = new Trajectory(model, 0, members, settings);
    const points: TrajectoryPoint[] = [];
    while (points.length < settings.steps) {
      points.push(trajectory.next());
      // A request to stop is received here.
      await setImmediate();
      stop.throwIfAborted();
    }
    const config = diffusionConfig(model.config);
    for (const [i, key] of members.entries())
      all.push(...allSteps(config, points, i, key, settings));
  }
  return all;
}

/** Of picture `i` of the points, as one sequence. */
function allSteps(
  config: DiffusionConfig,
  points: readonly TrajectoryPoint[],
  i: number,
  key: number,
  { guidance, sampler }: TrajectorySettings,
): readonly HostSequence[] {
  const size = config.channels * config.side ** 2;
  const own = (values: Float32Array) => values.subarray(i * size, (i + 1) * size);
  const times = sampler.betas.steps;
  const sequences = points.flatMap(({ step, time, classes, noised, noise }) => {
    const shown = [classes[i] ?? config.labels, ...(guidance === 1 ? [] : [config.labels])];
    const point = { step, time, noised: own(noised), noise: own(noise) };
    return shown.map((label) =>
      trajectorySequence(
        config,
        { ...point, classes: [label] },
        { guidance: 1, row: 0, times, key },
      ),
    );
  });
  return mergeSequences(sequences, sequences.length);
}
