// Pictures as rows of pixels. A document of a sequence is a picture: one token for each pixel of
// its input, with the pixels of the target that lie there.
import { Bug } from '../../crds/failures/errors.ts';
import type { SequenceInputs } from '../engine/network.ts';
import type { HostSequence, HostValues } from '../engine/packed-sequence.ts';
import type { PictureSize } from '../nn/convolution.ts';
import { type DType, exactType } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import { type Tensor, tensor } from '../tensor/tensor.ts';
import type { RestorationConfig } from './config.ts';

/** What a document has beside its tokens: pixels from 0 to 1, `[rows, columns, 3]`. */
interface PictureValues {
  readonly input: HostValues;
  /** Larger by the network's scale. */
  readonly target: HostValues;
}

/**
 * `input [pictures, height, width, 3]` and `target [T, 3 s s]`, in float32 (float64 for a float64
 * model).
 */
export function pictureInputs(
  { scale, colours }: RestorationConfig,
  { positions, values }: Pick<HostSequence, 'positions' | 'values'>,
  dtype: DType,
): SequenceInputs {
  const { input, target } = picturesOf(values);
  const [height = 0, width = 0] = input.shape;
  const pictures = positions.length / (height * width);
  const wanted = [height * scale, width * scale, colours];
  const isWhole = input.values.length === positions.length * colours;
  if (!Number.isInteger(pictures) || !isWhole || String(target.shape) !== String(wanted)) {
    throw new Bug(
      `${positions.length} tokens have pictures of [${input.shape}] and targets of [${target.shape}]`,
    );
  }
  const type = exactType(dtype);
  const shape = [pictures, height, width, colours];
  const enlarged = [pictures, height, scale, width, scale, colours];
  // By picture, row, column, colour, row and column inside of the pixel.
  const turned = ops.permute(tensor(target.values, enlarged, type), [0, 1, 3, 5, 2, 4]);
  return {
    input: tensor(input.values, shape, type),
    target: ops.reshape(turned, [positions.length, colours * scale ** 2]),
  };
}

function picturesOf({ input, target }: Readonly<Record<string, HostValues>> = {}): PictureValues {
  if (input === undefined || target === undefined) throw new Bug('a sequence has no pictures');
  return { input, target };
}

interface Pictures {
  readonly size: PictureSize;
  /** `[T, 3]` */
  readonly pixels: Tensor;
  /** `[T, 3 s s]` */
  readonly target: Tensor;
}

/** Those of a sequence on the device. */
export function picturesIn({ input, target }: SequenceInputs): Pictures {
  if (input === undefined || target === undefined) throw new Bug('a sequence has no pictures');
  const [, height = 0, width = 0, colours = 0] = input.shape;
  return { size: { height, width }, pixels: ops.view(input, [-1, colours]), target };
}

/** Rows `[T, 3 s s]` as pictures `[pictures, height * s, width * s, 3]`. */
export function asPictures(
  { scale, colours }: Pick<RestorationConfig, 'scale' | 'colours'>,
  rows: Tensor,
  { height, width }: PictureSize,
): Tensor {
  const apart = ops.view(rows, [-1, height, width, colours, scale, scale]);
  const turned = ops.permute(apart, [0, 1, 4, 2, 5, 3]);
  return ops.reshape(turned, [-1, height * scale, width * scale, colours]);
}
