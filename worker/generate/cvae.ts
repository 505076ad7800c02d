// ICM-LoRA: In-Context Meta LoRA Generation (Shao et al. 2025): a conditional variational
// autoencoder of adapters as vectors.
//
//   encoder: blocks of Conv1d (stride 2), BatchNorm, LeakyReLU; e = linear(flat)
//            mu, log var = linear([e, c])         z = mu + eps exp(log var / 2)
//   decoder: linear([z, c]), then the blocks mirrored; the last one has no norm and no LeakyReLU
//   loss = mean (x_hat - x)^2 over what is no padding + divergence KL(q(z | x, c) || N(0, I))
//
// What differs from the paper: KL is summed over the latent numbers and averaged over the batch;
// convolutions have no bias, which a norm behind them would take away again.
import { Bug } from '../../crds/failures/errors.ts';
import * as ops from '../tensor/ops.generated.ts';
import { uniform } from '../tensor/rng.ts';
import { keep, scope } from '../tensor/scope.ts';
import { streamOf } from '../tensor/streams.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { CvaeShape } from './cvae-shape.ts';
import { doubled, halved } from './strided.ts';

export type Tensors = ReadonlyMap<string, Tensor>;

const epsilon = 1e-5;
const slope = 0.01;

/** Normalises `[M, C]` by mean and variance of each column, before scale and shift. */
export type Normalise = (name: string, x: Tensor) => Tensor;

/** Shapes of what is trained, by name. */
export function parametersOf(shape: CvaeShape): ReadonlyMap<string, readonly number[]> {
  const { kernel, latent, condition, positions, blocks } = shape;
  const inner = blocks.at(-1) ?? 1;
  const names = new Map<string, readonly number[]>();
  const linear = (name: string, out: number, inputs: number): void => {
    names.set(`${name}.weight`, [out, inputs]).set(`${name}.bias`, [out]);
  };
  for (const [i, channels] of blocks.entries()) {
    names.set(`encoder.${i}.weight`, [channels, kernel * (blocks[i - 1] ?? 1)]);
    addNorm(names, `encoder.${i}`, channels);
  }
  linear('encoder.out', latent, positions * inner);
  linear('mean', latent, latent + condition);
  linear('spread', latent, latent + condition);
  linear('decoder.in', positions * inner, latent + condition);
  for (const [i, channels] of mirrored(blocks).entries()) {
    const before = blocks[blocks.length - 1 - i] ?? 1;
    names.set(`decoder.${i}.weight`, [channels, kernel * before]);
    if (i < blocks.length - 1) addNorm(names, `decoder.${i}`, channels);
  }
  return names;
}

function addNorm(names: Map<string, readonly number[]>, name: string, channels: number): void {
  names.set(`${name}.scale`, [channels]).set(`${name}.shift`, [channels]);
}

/** Channels behind each block of the decoder. */
function mirrored(blocks: readonly number[]): readonly number[] {
  return [...blocks.slice(0, -1).toReversed(), 1];
}

/** Means and variances by which norms normalise outside of training: by name, with their sizes. */
export function normsOf(shape: CvaeShape): ReadonlyMap<string, number> {
  return new Map(
    [...parametersOf(shape)].flatMap(([name, [channels = 0]]) =>
      name.endsWith('.scale') ? [[name.slice(0, -'.scale'.length), channels] as const] : [],
    ),
  );
}

/** Uniform in +-1 / sqrt(inputs), as torch begins; norms begin as the identity. Kept. */
export function beginning(shape: CvaeShape, seed: number): Map<string, Tensor> {
  const shapes = parametersOf(shape);
  const made = (name: string, own: readonly number[]): Tensor => {
    if (name.endsWith('.scale')) return ops.ones(own, { dtype: 'float32' });
    if (name.endsWith('.shift')) return ops.zeros(own, { dtype: 'float32' });
    const weight = shapes.get(name.replace(/bias$/, 'weight')) ?? own;
    const bound = 1 / Math.sqrt(weight[1] ?? 1);
    return uniform(own, -bound, bound, streamOf(seed, 'generator', name));
  };
  return new Map([...shapes].map(([name, own]) => [name, keep(scope(() => made(name, own)))]));
}

interface Encoded {
  /** `[N, latent]` */
  readonly mean: Tensor;
  /** `[N, latent]` */
  readonly logVariance: Tensor;
}

/** `x [N, padded]`, `c [N, condition]`. */
export function encode(
  { blocks, padded, kernel }: CvaeShape,
  tensors: Tensors,
  { x, c }: { readonly x: Tensor; readonly c: Tensor },
  normalise: Normalise,
): Encoded {
  const [count = 0] = x.shape;
  let h = ops.view(x, [count, padded, 1]);
  for (const i of blocks.keys()) {
    const name = `encoder.${i}`;
    h = activated(name, tensors, halved(h, of(tensors, `${name}.weight`), kernel), normalise);
  }
  const e = linear('encoder.out', tensors, ops.view(h, [count, -1]));
  const both = ops.cat([e, c], 1);
  return { mean: linear('mean', tensors, both), logVariance: linear('spread', tensors, both) };
}

/** `z [N, latent]` to `[N, padded]`. */
export function decode(
  { blocks, positions, kernel }: CvaeShape,
  tensors: Tensors,
  { z, c }: { readonly z: Tensor; readonly c: Tensor },
  normalise: Normalise,
): Tensor {
  const [count = 0] = z.shape;
  const flat = linear('decoder.in', tensors, ops.cat([z, c], 1));
  let h = ops.view(flat, [count, positions, blocks.at(-1) ?? 1]);
  for (const i of blocks.keys()) {
    const name = `decoder.${i}`;
    h = doubled(h, of(tensors, `${name}.weight`), kernel);
    if (i < blocks.length - 1) h = activated(name, tensors, h, normalise);
  }
  return ops.view(h, [count, -1]);
}

function activated(name: string, tensors: Tensors, h: Tensor, normalise: Normalise): Tensor {
  const channels = h.shape.at(-1) ?? 1;
  const normed = normalise(name, ops.view(h, [-1, channels]));
  const scaled = ops.add(
    ops.mul(normed, of(tensors, `${name}.scale`)),
    of(tensors, `${name}.shift`),
  );
  return ops.view(ops.maximum(scaled, ops.mulScalar(scaled, slope)), h.shape);
}

function linear(name: string, tensors: Tensors, x: Tensor): Tensor {
  const product = ops.linear(x, of(tensors, `${name}.weight`), null);
  return ops.add(product, of(tensors, `${name}.bias`));
}

/** By the statistics of the batch, which `see` is told: `[C]` each. */
export function byBatch(see: (name: string, mean: Tensor, variance: Tensor) => void): Normalise {
  return (name, x) => {
    const mean = ops.meanDim(x, [0]);
    const centred = ops.sub(x, mean);
    const variance = ops.meanDim(ops.square(centred), [0]);
    see(name, mean, variance);
    return ops.mul(centred, ops.rsqrt(ops.addScalar(variance, epsilon)));
  };
}

/** By what was averaged in training. */
export function byAverages(averages: Tensors): Normalise {
  return (name, x) =>
    ops.mul(
      ops.sub(x, of(averages, `${name}.mean`)),
      ops.rsqrt(ops.addScalar(of(averages, `${name}.variance`), epsilon)),
    );
}

function of(tensors: Tensors, name: string): Tensor {
  const found = tensors.get(name);
  if (found === undefined) throw new Bug(`the generator has no tensor ${name}`);
  return found;
}
