// What precedes the blocks of a tracker: patches of both pictures, with their positions and types.
//
// Shapes: N documents · z x z and s x s patches of a template and a search picture · H hidden
// size
import { Bug } from '../../crds/failures/errors.ts';
import type { Model } from '../engine/model.ts';
import type { PackedSequence } from '../engine/packed-sequence.ts';
import { asType } from '../tensor/as-type.ts';
import type { DType } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { embedded } from '../vision/inlet.ts';
import { inletNames } from '../vision/names.ts';
import { type TrackingConfig, trackingConfig } from './config.ts';
import { tokenTypes, typesName } from './names.ts';
import { documentsIn, inputOf } from './pictures.ts';

type Value = (name: string) => Tensor;

/** The stream before the first block, `[T, H]`; zeros for padding, behind the documents. */
export function entered(
  { config: of, dtype }: Pick<Model, 'config' | 'dtype'>,
  sequence: PackedSequence,
  value: Value,
): Tensor {
  return scope(() => {
    const config = trackingConfig(of);
    const { H, templateSide, contextLength } = config;
    const count = documentsIn(sequence);
    const types = asType(value(typesName), dtype);
    const positions = searchPositions(config, sequence, value, dtype);
    const ofTemplate = ops.add(
      ops.add(
        embedded(config.trunk, inputOf(sequence, 'template'), value),
        croppedPositions(config, positions),
      ),
      ops.view(ops.indexSelect(types, 0, inputOf(sequence, 'object')), [
        count,
        templateSide ** 2,
        H,
      ]),
    );
    const ofSearch = ops.add(
      ops.add(embedded(config.trunk, inputOf(sequence, 'search'), value), positions),
      ops.narrow(types, 0, tokenTypes.search, 1),
    );
    const stream = ops.reshape(ops.cat([ofTemplate, ofSearch], 1), [count * contextLength, H]);
    const padding = sequence.tokens - count * contextLength;
    if (padding < 0) throw new Bug(`${count} documents of ${templateSide} patches are too long`);
    return padding === 0 ? stream : ops.cat([stream, ops.zeros([padding, H], { dtype })], 0);
  });
}

/** `[1, s s, H]`: those of the trunk's patches, resized in float32 at least. */
function searchPositions(
  { trunk, searchSide, H }: TrackingConfig,
  sequence: PackedSequence,
  value: Value,
  dtype: DType,
): Tensor {
  const { side } = trunk;
  const all = value(inletNames(trunk).positions);
  const square = ops.narrow(all, 1, trunk.contextLength - side * side, side * side);
  if (searchSide === side) return asType(square, dtype);
  const weights = inputOf(sequence, 'resize');
  const wide = ops.reshape(asType(square, weights.dtype), [side, side * H]);
  const lower = ops.view(ops.matmul(weights, wide), [searchSide, side, H]);
  const resized = ops.reshape(ops.matmul(weights, lower), [1, searchSide ** 2, H]);
  return asType(resized, dtype);
}

/** `[1, z z, H]`: the upper left of those of the search picture, `[1, s s, H]`. */
export function croppedPositions(
  { templateSide, searchSide }: Pick<TrackingConfig, 'templateSide' | 'searchSide'>,
  positions: Tensor,
): Tensor {
  const H = positions.shape[2] ?? 0;
  const grid = ops.view(positions, [searchSide, searchSide, H]);
  const part = ops.narrow(ops.narrow(grid, 0, 0, templateSide), 1, 0, templateSide);
  return ops.reshape(part, [1, templateSide ** 2, H]);
}
