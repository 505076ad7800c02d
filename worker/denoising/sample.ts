// Makes pictures of noise: DDIM with classifier-free guidance, for which each picture passes the
// model twice, with its class and without one. Song et al. 2021, Ho & Salimans 2022.
//
// Shapes: P pictures · n patches of each · C channels · p pixels of a side of a patch
import { UserError } from '../../crds/failures/errors.ts';
import { type DiffusionConfig, diffusionConfig } from '../diffusion/config.ts';
import { type DdimStep, ddimSteps } from '../diffusion/ddim.ts';
import { fillNormal } from '../diffusion/noise.ts';
import { guided } from '../diffusion/outlet.ts';
import { byChannelOf, fromPatches, toPatches } from '../diffusion/patches.ts';
import { timeFrequencies, timeWidth } from '../diffusion/positions.ts';
import type { SamplerConfig } from '../diffusion/sampler-config.ts';
import { BlockWalk } from '../engine/block-walk.ts';
import type { Model } from '../engine/model.ts';
import { noSides } from '../engine/network.ts';
import type { PackedSequence } from '../engine/packed-sequence.ts';
import { withLayer } from '../engine/weights.ts';
import { exactType } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { type Stream, streamOf } from '../tensor/streams.ts';
import { type Tensor, tensor, toFloats } from '../tensor/tensor.ts';

interface Asked {
  /** Number of the class of each picture. */
  readonly classes: readonly number[];
  readonly sampler: SamplerConfig;
  /** Denoising steps. */
  readonly steps: number;
  /** How far from a picture of any class, towards one of its own: 1 for that of its class alone. */
  readonly guidance: number;
}

/**
 * What pictures begin as, `[P, C, side, side]` values; each by its number, from that of the first
 * on, and the seed.
 */
export function firstNoise(
  config: Pick<DiffusionConfig, 'channels' | 'side'>,
  count: number,
  seed: number | bigint,
  from = 0,
): Float32Array {
  const size = config.channels * config.side ** 2;
  const values = new Float32Array(count * size);
  const streamOfPicture = (n: number): Stream => streamOf(seed, 'sample', from + n);
  for (let n = 0; n < count; n += 1) {
    fillNormal(values.subarray(n * size, (n + 1) * size), streamOfPicture(n));
  }
  return values;
}

/** Pictures `[P, C, side, side]` of first noise of that shape. */
export function samplePictures(model: Model, first: Float32Array, asked: Asked): Float32Array {
  return denoisedPictures(model, first, asked, (x, { time }, i) =>
    guidedNoise(model, x, { ...asked, time, row: rowOf(model, i, asked.steps) }),
  );
}

/**
 * The same, with the noise in `x [P n, p p C]` at step `i` from elsewhere: `model` has the sizes,
 * type and device. `see` is shown the pictures after each step.
 */
export function denoisedPictures(
  model: Pick<Model, 'config' | 'dtype' | 'device'>,
  first: Float32Array,
  { sampler, steps }: Pick<Asked, 'sampler' | 'steps'>,
  noiseIn: (x: Tensor, step: DdimStep, i: number) => Tensor,
  see?: (pictures: Float32Array) => void,
): Float32Array {
  const config = diffusionConfig(model.config);
  const onHost = (x: Tensor): Float32Array => fromPatches(toFloats(x), config, 'ByPixel');
  let found: Float32Array = new Float32Array();
  scope(() => {
    let x = patchesOnDevice(model, config, first);
    for (const [i, step] of ddimSteps(sampler, steps).entries()) {
      x = scope(() => denoised(x, noiseIn(x, step, i), step));
      see?.(onHost(x));
    }
    found = onHost(x);
  }, model.device);
  return found;
}

/** What a step makes of `x` and the noise `e` in it. */
export function denoised(
  x: Tensor,
  e: Tensor,
  { sample, noise }: Pick<DdimStep, 'sample' | 'noise'>,
): Tensor {
  return ops.add(ops.mulScalar(x, sample), ops.mulScalar(e, noise));
}

/**
 * The row of step `i` in tables of grids of inputs, which may be for a multiple of the steps, or
 * each for several of them.
 */
function rowOf({ inputGrid }: Model, i: number, steps: number): number {
  const { rows = steps } = inputGrid ?? {};
  if (rows % steps === 0 || steps % rows === 0) return Math.floor((i * rows) / steps);
  throw new UserError({
    code: 'E_INVALID_MODEL',
    value: steps,
    message: `sampling in ${steps} steps; inputs of the model have scales and zero points for ${rows}, and one number must divide the other`,
  });
}

/** Pictures as the sampler has them: `[P n, p p C]`, in float32 at least. */
export function patchesOnDevice(
  { dtype }: Pick<Model, 'dtype'>,
  config: DiffusionConfig,
  pictures: Float32Array,
): Tensor {
  const values = toPatches(pictures, config, 'ByPixel');
  const columns = config.channels * config.patch ** 2;
  const rows = values.length / columns;
  return scope(() => ops.to(tensor(values, [rows, columns], 'float32'), exactType(dtype)));
}

interface AtTime extends Pick<Asked, 'classes' | 'guidance'> {
  readonly time: number;
  /** In tables of grids of inputs. */
  readonly row: number;
}

/**
 * The noise that the model finds in `x [P n, p p C]`, after guidance; of the shape of `x`. `pass`
 * takes the walk through all blocks, and gives what it ends with.
 */
export function guidedNoise(
  model: Model,
  x: Tensor,
  at: AtTime,
  pass: (walk: BlockWalk) => readonly Tensor[] = (walk) => walk.finish(),
): Tensor {
  return scope(() => {
    const sequence = sequenceAt(model, x, at);
    using walk = new BlockWalk(model, [sequence], { head: true });
    const [end = x] = pass(walk);
    const { network, places } = model;
    const found = withLayer(model, places.outlet, null, () => {
      const states = network.targetStates(model, end, sequence, walk.sides[0] ?? noSides);
      return ops.view(network.logits(model, states), [-1, x.shape[1] ?? 0]);
    });
    const { guidance } = sequence.inputs;
    return guidance === undefined ? found : guided(found, guidance);
  }, model.device);
}

/** Pictures of one time step as a sequence; with guidance, once more without their classes. */
function sequenceAt(
  model: Model,
  x: Tensor,
  { classes, guidance, time, row }: AtTime,
): PackedSequence {
  const config = diffusionConfig(model.config);
  const twice = guidance !== 1;
  const all = twice ? [...classes, ...classes.map(() => config.labels)] : classes;
  const tokens = all.length * config.contextLength;
  const columns = byChannelOf(config);
  const byChannel = ops.indexSelect(x, 1, tensor(columns, [columns.length], 'int64'));
  const noised = ops.to(twice ? ops.cat([byChannel, byChannel], 0) : byChannel, model.dtype);
  const times = timeFrequencies(all.map(() => time));
  const rows = all.map((_, i) => i * config.contextLength);
  const ends = Int32Array.from([...rows, tokens]);
  return {
    ...{ before: [], tokens, key: 0, targetCount: all.length },
    ids: ops.zeros([tokens], { dtype: 'int64' }),
    rows: tensor(rows, [rows.length], 'int64'),
    labels: tensor(all, [all.length], 'int64'),
    offsets: tensor(ends, [ends.length], 'int32'),
    inputs: {
      noised,
      time: ops.to(tensor(times, [all.length, timeWidth], 'float64'), model.dtype),
      class: tensor(all, [all.length], 'int64'),
      row: tensor([row], [1], 'int64'),
      ...(twice && { guidance: tensor([guidance], [1], 'float64') }),
    },
  };
}
