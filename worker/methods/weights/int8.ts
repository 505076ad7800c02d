// 8-bit integers, symmetric.
//   absmax_g = max |w| in g · code = round(127 w / absmax_g), ties to even
//   w' = code * absmax_g / 127
// g: `groupSize` neighbours of a row, or the whole row. Shapes: W [O, I] → codes [O, I] · absmax
// [O, I/groupSize] or [O, 1] float32. A row with one outlier loses the small values of that row;
// groups keep the loss within the group.
import * as ops from '../../tensor/ops.generated.ts';
import { formats, type WeightStore } from './weight-store.ts';

export function int8({ groupSize = 0 }: { readonly groupSize?: number | undefined }): WeightStore {
  return {
    name: 'Int8',
    quantize: (matrix) => ops.quantizeWeight(matrix, formats.Int8, groupSize),
  };
}
