// 4-bit integers in groups.
//   asymmetric: lo = min(0, min w) · hi = max(0, max w) · step = (hi - lo) / 15
//               zero = round(-lo / step)
//   symmetric:  step = max |w| / 7 · zero = 8
//   code = clamp(round(w / step) + zero, 0, 15) · w' = (code - zero) * step        ties to even
// g: `groupSize` neighbours of a row. Shapes: W [O, I] → codes [O, I/2] bytes · step [O,
// I/groupSize] bfloat16 · zero, a byte each: 4.375 bits a weight in groups of 64. The step is
// rounded up to bfloat16 first, so that no value is cut off.
import * as ops from '../../tensor/ops.generated.ts';
import { formats, type WeightStore } from './weight-store.ts';

interface Int4Settings {
  readonly groupSize: number;
  readonly range: 'Asymmetric' | 'Symmetric';
}

export function int4({ groupSize, range }: Int4Settings): WeightStore {
  const symmetric = range === 'Symmetric';
  return {
    name: 'Int4',
    quantize: (matrix) => ops.quantizeWeight(matrix, formats.Int4, groupSize, symmetric),
  };
}
