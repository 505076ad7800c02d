// A cell: two places behind each other, beside a skip. The stream is normed before each place,
// since half-wave rounding is for normal values, and what the cell adds has a share of the
// deviation of each picture of the stream (ADQ).
//
//   x + place_1(norm_1(place_0(norm_0(x)))) (phi std(x) + beta)
import type { DropoutDraw } from '../methods/adapters/adapter.ts';
import type { PictureSize } from '../nn/convolution.ts';
import * as ops from '../tensor/ops.generated.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { QuantNasConfig } from './config.ts';
import { foundPlace } from './found-place.ts';
import { cellPath, placePath } from './names.ts';
import { pictureSums } from './picture-norm.ts';
import { searchedPlace } from './searched-place.ts';
import { placesOfCell } from './space.ts';

interface CellTensors {
  weight(name: string): Tensor;
  readonly draw: DropoutDraw | null;
}

/** `x [T, H]` → `[T, H]`, the stream after block `layer`. */
export function cell(
  config: QuantNasConfig,
  layer: number,
  tensors: CellTensors,
  x: Tensor,
  size: PictureSize,
): Tensor {
  const { weight } = tensors;
  const sums = pictureSums(x, size);
  const { deviations, values } = sums.normed(x);
  let stream = values;
  for (let place = 0; place < placesOfCell; place += 1) {
    const path = placePath(layer, place);
    const own = place === 0 ? stream : sums.normed(stream).values;
    const read = ops.add(ops.mul(own, weight(`${path}.norm.weight`)), weight(`${path}.norm.bias`));
    stream = placeOf(config, layer, place, { path, size, tensors, read });
  }
  const [phi, beta] = ['phi', 'beta'].map((each) => weight(`${cellPath(layer)}.${each}`)) as [
    Tensor,
    Tensor,
  ];
  const shares = ops.add(ops.mul(deviations, phi), beta);
  return ops.add(x, ops.mul(stream, sums.over(shares)));
}

interface Passed {
  readonly path: string;
  readonly size: PictureSize;
  readonly tensors: CellTensors;
  readonly read: Tensor;
}

function placeOf(
  config: QuantNasConfig,
  layer: number,
  place: number,
  { path, size, tensors: { weight, draw }, read }: Passed,
): Tensor {
  if (config.family === 'quantnas-supernet') {
    const { space, surrogate } = config;
    return searchedPlace(read, { path, space, size, weight, rounded: { surrogate, draw } });
  }
  const choice = config.genotype[layer]?.[place];
  if (choice === undefined) throw new RangeError(`no choice for ${path}`);
  return foundPlace(read, { path, choice, size, weight });
}
