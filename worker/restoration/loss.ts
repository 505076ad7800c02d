// What a restoration network minimizes: the mean absolute difference of all values of the target
// pictures. A token has as many of them as every other token, so the mean over tokens of their own
// means is the mean over values, however pictures are packed.
import type { Model } from '../engine/model.ts';
import type { LossSums } from '../engine/network.ts';
import type { PackedSequence } from '../engine/packed-sequence.ts';
import type { PictureSize } from '../nn/convolution.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { type Tensor, toFloats } from '../tensor/tensor.ts';
import { leave } from './block.ts';
import { type RestorationConfig, restorationConfig } from './config.ts';
import { likeness } from './likeness.ts';
import { asPictures, picturesIn } from './pictures.ts';

/** Of `restored` and `target`, both `[T, 3 s s]`: the mean of each row, and their sum. */
export function differenceLoss(
  restored: Tensor,
  target: Tensor,
): { readonly rows: Tensor; readonly sums: LossSums } {
  return scope(() => {
    const rows = ops.meanDim(ops.abs(ops.sub(restored, target)), [1]);
    return { rows, sums: { loss: ops.sum(ops.to(rows, 'float64')) } };
  });
}

/** Gradient of `scale` times that sum by `restored`. */
export function differenceGradient(restored: Tensor, target: Tensor, scale: number): Tensor {
  const columns = restored.shape[1] ?? 1;
  return scope(() => ops.mulScalar(ops.sign(ops.sub(restored, target)), scale / columns));
}

/** Of each picture, without as many pixels at its edges as a pixel of the input becomes. */
function likenessOf(
  config: RestorationConfig,
  restored: Tensor,
  target: Tensor,
  { height, width }: PictureSize,
) {
  const { scale, colours } = config;
  const size = { height: height * scale, width: width * scale };
  const each = size.height * size.width * colours;
  const [a, b] = [restored, target].map((rows) =>
    toFloats(asPictures(config, rows, { height, width })),
  );
  return Array.from({ length: (a?.length ?? 0) / each }, (_, picture) => {
    const own = (of: Float32Array | undefined) => ({
      ...{ ...size, values: of?.subarray(picture * each, (picture + 1) * each) ?? [] },
    });
    return likeness(own(a), own(b), scale === 1 ? 0 : scale);
  });
}

/** Of `x [T, H]`, the stream after the last block. */
export function pixelLoss(model: Model, x: Tensor, { inputs }: PackedSequence) {
  return scope(() => {
    const { size, pixels, target } = picturesIn(inputs);
    const config = restorationConfig(model.config);
    const restored = leave(config, x, size, pixels, (name) => model.parameters.value(name));
    const { rows, sums } = differenceLoss(restored, target);
    return { rows, ...sums, likeness: likenessOf(config, restored, target, size) };
  });
}
