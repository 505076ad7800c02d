// What precedes the blocks: a token for each patch of a picture, behind those of the family's own,
// and a position added to each.
//
// Shapes: N pictures · R x K patches of one · P values of a patch · n tokens of a picture · S x S
// patches that the positions are made for
import { Bug } from '../../crds/failures/errors.ts';
import type { Model } from '../engine/model.ts';
import type { SequenceInputs } from '../engine/network.ts';
import type { HostSequence, HostValues, PackedSequence } from '../engine/packed-sequence.ts';
import { asType } from '../tensor/as-type.ts';
import { type DType, exactType } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { type Tensor, tensor } from '../tensor/tensor.ts';
import { bicubicWeights } from './bicubic.ts';
import { type VisionConfig, visionConfig } from './config.ts';
import { visionFamilies } from './families.ts';
import { inletNames } from './names.ts';
import { gridOf } from './tokens.ts';

type Value = (name: string) => Tensor;

type Grid = Pick<VisionConfig, 'channels' | 'patch' | 'side'>;

/**
 * `patches [N, R, K, P]` in the model's type; where the grid is not that of the positions, the
 * weights of resizing them: `down [R, S]` and `across [K, S]`.
 */
export function pictureInputs(
  config: Grid,
  { values }: Pick<HostSequence, 'values'>,
  dtype: DType,
): SequenceInputs {
  return scope(() => {
    const { side } = config;
    const patches = patchesOf(config, values?.['pixels'], dtype);
    const [, rows = 0, columns = 0] = patches.shape;
    if (rows === side && columns === side) return { patches };
    const weights = (to: number) => tensor(bicubicWeights(side, to), [to, side], exactType(dtype));
    return { patches, down: weights(rows), across: weights(columns) };
  });
}

/**
 * `pixels [N, C, height, width]` as patches `[N, R, K, P]`. A sequence of padding alone has no
 * picture.
 */
export function patchesOf(
  { channels, patch, side }: Grid,
  pixels: HostValues | undefined,
  dtype: DType,
): Tensor {
  const whole = side * patch;
  const { values, shape } = pixels ?? { values: [], shape: [channels, whole, whole] };
  const [found = 0, height = 0, width = 0] = shape;
  if (found !== channels) throw new Bug(`pictures have ${found} channels instead of ${channels}`);
  const count = values.length / (channels * height * width);
  const { rows, columns } = gridOf({ patch }, { height, width });
  const all = tensor(values, [count, channels, height, width], 'float32');
  const inner = ops.narrow(ops.narrow(all, 2, 0, rows * patch), 3, 0, columns * patch);
  const apart = ops.reshape(inner, [count, channels, rows, patch, columns, patch]);
  const patches = ops.reshape(ops.permute(apart, [0, 2, 4, 1, 3, 5]), [
    ...[count, rows, columns, channels * patch * patch],
  ]);
  return dtype === 'float32' ? patches : ops.to(patches, dtype);
}

/** Pictures of a sequence, and tokens of each. */
export function picturesIn(
  { family }: Pick<VisionConfig, 'family'>,
  { inputs }: Pick<PackedSequence, 'inputs'>,
): { readonly count: number; readonly length: number } {
  const [count = 0, rows = 0, columns = 0] = patchesIn(inputs).shape;
  return { count, length: visionFamilies[family].prefix.length + rows * columns };
}

function patchesIn({ patches }: SequenceInputs): Tensor {
  if (patches === undefined) throw new Bug('a sequence has no patches');
  return patches;
}

/** The stream before the first block, `[T, H]`; zeros for padding, behind the pictures. */
export function entered(
  { config: of, dtype }: Pick<Model, 'config' | 'dtype'>,
  sequence: PackedSequence,
  value: Value,
): Tensor {
  return scope(() => {
    const config = visionConfig(of);
    const { H } = config;
    const { count, length } = picturesIn(config, sequence);
    const names = inletNames(config);
    const inType = (name: string): Tensor => asType(value(name), dtype);
    const patches = embedded(config, patchesIn(sequence.inputs), value);
    const prefix = names.prefix.map((name) => ops.expand(inType(name), [count, 1, H]));
    const positions = positionsOf(config, inType(names.positions), sequence.inputs);
    const x = ops.add(ops.cat([...prefix, patches], 1), positions);
    const stream = ops.reshape(x, [count * length, H]);
    const padding = sequence.tokens - count * length;
    if (padding < 0) throw new Bug(`${count} pictures have ${length} tokens each, and too few`);
    return padding === 0 ? stream : ops.cat([stream, ops.zeros([padding, H], { dtype })], 0);
  });
}

/** `[N, R K, H]` of `patches [N, R, K, P]`: a convolution whose stride is its kernel. */
export function embedded(config: VisionConfig, patches: Tensor, value: Value): Tensor {
  const [count = 0, rows = 0, columns = 0, values = 0] = patches.shape;
  const path = inletNames(config).patches;
  const weight = ops.view(value(`${path}.weight`), [config.H, values]);
  const flat = ops.view(patches, [count * rows * columns, values]);
  const y = ops.linear(flat, weight, value(`${path}.bias`));
  return ops.view(y, [count, rows * columns, config.H]);
}

/** `[1, n, H]`, resized in float32 at least; those of the family's own tokens stay. */
function positionsOf(
  { family, H, side }: VisionConfig,
  positions: Tensor,
  { down, across }: SequenceInputs,
): Tensor {
  if (down === undefined || across === undefined) return positions;
  const own = visionFamilies[family].prefix.length;
  const square = asType(ops.narrow(positions, 1, own, side * side), down.dtype);
  const [rows = 0] = down.shape;
  const [columns = 0] = across.shape;
  const lower = ops.matmul(down, ops.reshape(square, [side, side * H]));
  const resized = ops.matmul(across, ops.view(lower, [rows, side, H]));
  const grid = ops.view(resized, [1, rows * columns, H]);
  return ops.cat([ops.narrow(positions, 1, 0, own), asType(grid, positions.dtype)], 1);
}
