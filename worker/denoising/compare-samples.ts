// How far the pictures of one model are from those of another that begin as the same noise.
import { setImmediate } from 'node:timers/promises';
import { picturesTogether } from '../../crds/plan/trajectory.ts';
import { diffusionConfig } from '../diffusion/config.ts';
import type { Model } from '../engine/model.ts';
import { firstNoise, samplePictures } from './sample.ts';
import type { TrajectorySettings } from './trajectory.ts';

/** Mean over all values, which lie from -1 to 1 for pixels. */
export async function samplesApart(
  models: readonly [Model, Model],
  { seed, ...sampling }: TrajectorySettings,
  count: number,
  tell: (done: number) => void,
): Promise<{ readonly meanSquare: number }> {
  const [{ config: of }] = models;
  const config = diffusionConfig(of);
  const first = firstNoise(config, count, seed);
  const size = first.length / count;
  let sum = 0;
  for (let from = 0; from < count; from += picturesTogether) {
    const length = Math.min(picturesTogether, count - from);
    const classes = Array.from({ length }, (_, i) => (from + i) % config.labels);
    const noise = first.subarray(from * size, (from + length) * size);
    const [a, b] = models.map((model) => samplePictures(model, noise, { ...sampling, classes }));
    sum += (a ?? noise).reduce((all, x, i) => all + (x - (b?.[i] ?? 0)) ** 2, 0);
    tell(from + length);
    // A request to stop is received here.
    await setImmediate();
  }
  return { meanSquare: sum / first.length };
}
