// What networks that restore pictures compute. SRVGG-compact: convolutions and PReLUs (He et al.
// 2015) in a row, and at the end the difference to the input picture, enlarged by repeating its
// pixels. Wang et al. 2021 (Real-ESRGAN), its compact networks. The blocks of others are cells
// (quantnas/cell.ts), with a convolution at each end.
//
// Shapes: T pixels of all pictures of a sequence · H channels · s scale · 3 colours
import { type BlockTensors, tensorsAt } from '../nn/block-tensors.ts';
import { convolution, type PictureSize, patchesOf } from '../nn/convolution.ts';
import { cell } from '../quantnas/cell.ts';
import { asType } from '../tensor/as-type.ts';
import * as ops from '../tensor/ops.generated.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { kernelEdge, type RestorationConfig } from './config.ts';
import { inletPath, inletStage, outletPath, stagesOf } from './names.ts';

type Value = (name: string) => Tensor;

/** `x [T, H]` → `[T, H]`, the stream after block `layer`. */
export function restorationBlock(
  config: RestorationConfig,
  layer: number,
  tensors: BlockTensors,
  x: Tensor,
  size: PictureSize,
): Tensor {
  if (config.family !== 'srvgg') return cell(config, layer, tensors, x, size);
  return stagesOf(layer).reduce((stream, { convolution: path, slopes }) => {
    const at = { ...size, kernel: kernelEdge };
    const y = convolution(stream, at, tensorsAt(tensors, path));
    return prelu(y, tensors.weight(`${slopes}.weight`));
  }, x);
}

/** `pixels [T, 3]` → `[T, H]`, the stream before the first block. */
export function enter(
  config: RestorationConfig,
  pixels: Tensor,
  size: PictureSize,
  value: Value,
): Tensor {
  const y = plainConvolution(pixels, size, inletPath(config), value);
  return config.family === 'srvgg' ? prelu(y, value(`${inletStage.slopes}.weight`)) : y;
}

/**
 * `x [T, H]`, the stream after the last block → `[T, 3 s s]`: of each pixel of the input, those of
 * the output in its place, by colour, row and column. `pixels [T, 3]` are those of the input; the
 * sum is computed in their type.
 */
export function leave(
  config: RestorationConfig,
  x: Tensor,
  size: PictureSize,
  pixels: Tensor,
  value: Value,
): Tensor {
  const { colours, scale } = config;
  const difference = plainConvolution(x, size, outletPath(config), value);
  const repeated = ops.expand(ops.unsqueeze(pixels, 2), [-1, colours, scale ** 2]);
  return ops.add(ops.reshape(repeated, difference.shape), ops.to(difference, pixels.dtype));
}

function plainConvolution(x: Tensor, size: PictureSize, path: string, value: Value): Tensor {
  const patches = patchesOf(x, { ...size, kernel: kernelEdge });
  return ops.linear(patches, value(`${path}.weight`), value(`${path}.bias`));
}

/** `max(x, 0) + slopes * min(x, 0)`, with a slope `[H]` for each channel of `x [T, H]`. */
function prelu(x: Tensor, slopes: Tensor): Tensor {
  return ops.prelu(x, ops.unsqueeze(asType(slopes, x.dtype), 0));
}
