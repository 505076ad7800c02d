// What a student is asked at a denoising step: pictures of a trajectory as a sequence, and the
// noise that the full model finds in them as what is to be found.
import type { DiffusionConfig } from '../diffusion/config.ts';
import type { HostSequence, HostValues } from '../engine/packed-sequence.ts';
import type { TrajectoryPoint } from './trajectory.ts';

interface Asked {
  /** Of the student and of the full model alike. */
  readonly guidance: number;
  /** Of the step, in tables of grids of inputs. */
  readonly row: number;
  /** Time steps of the noise schedule. */
  readonly times: number;
  /** Names the random streams of the sequence. */
  readonly key: number;
}

/** With guidance, pictures are in it twice: the second time without their classes. */
export function trajectorySequence(
  { contextLength: patches, channels, side, labels }: DiffusionConfig,
  { time, classes, noised, noise }: TrajectoryPoint,
  { guidance, row, times, key }: Asked,
): HostSequence {
  const twice = guidance !== 1;
  const all = twice ? [...classes, ...classes.map(() => labels)] : classes;
  const tokens = all.length * patches;
  const targets = new Int32Array(tokens).fill(-100);
  for (const [i, label] of all.entries()) targets[i * patches] = label;
  const shape = [channels, side, side];
  const single = (values: readonly number[]): HostValues => ({
    values: Float32Array.from(values),
    shape: [],
  });
  const quarter = Math.floor((4 * time) / times);
  return {
    ...{ ids: new Int32Array(tokens), labels: targets, targetCount: classes.length, key },
    positions: Int32Array.from({ length: tokens }, (_, i) => i % patches),
    offsets: Int32Array.from({ length: all.length + 1 }, (_, i) => i * patches),
    values: {
      noised: { values: twice ? Float32Array.from([...noised, ...noised]) : noised, shape },
      noise: { values: noise, shape },
      ...{ time: single(all.map(() => time)), class: single(all) },
      ...{ quarter: single(classes.map(() => quarter)), row: single([row]) },
      ...(twice && { guidance: single([guidance]) }),
    },
  };
}
