// INT2.1: Towards Fine-Tunable Quantized Large Language Models with Error Correction through
// Low-Rank Adaptation (Chai et al. 2023): frozen weights as integers of 2, 3 or 4 bits, with
// adapters beside them.
//   w' = (q - z) s     q, z integers from 0 to 2^bits - 1, s a value of bfloat16
// Integers are made once, before the model is built, by GPTQ with scales that clip and are fitted
// to outputs (worker/quantize); the model is built of what that stored. Differences: groups of 64
// as default; two refits of scales; of training, see train/teacher.ts. Without calibration each
// value is rounded to the nearest.
// Shapes: W [O, I] → codes [O, I bits / 8] bytes · s [O, I/groupSize] · z, a byte each.
import { headerBytes, sectionBytes } from '../../../crds/plan/quantized-matrix.ts';
import type { RoundingSettings } from '../../quantize/quantize-matrix.ts';
import * as ops from '../../tensor/ops.generated.ts';
import { scope } from '../../tensor/scope.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { packRows } from './packed-integers.ts';
import type { CodedRows } from './weight-grid.ts';
import { formats, type WeightStore } from './weight-store.ts';

interface IntegerSettings {
  readonly bits: number;
  readonly groupSize: number;
  readonly range: 'Asymmetric' | 'Symmetric';
  readonly calibrationSequences: number;
}

/** Each value rounded by itself. */
export function nearestIntegers(grid: Omit<IntegerSettings, 'calibrationSequences'>): WeightStore {
  const symmetric = grid.range === 'Symmetric';
  return {
    name: 'Integer',
    quantize: (matrix) => ops.quantizeWeight(matrix, formatOf(grid), grid.groupSize, symmetric),
  };
}

export function integer(own: IntegerSettings): WeightStore {
  const { calibrationSequences: sequences, bits, groupSize, range } = own;
  const grid = { bits, groupSize, range };
  const rounding: RoundingSettings = { grid, steps: 'ClipSearch', rounding: 'GPTQ', refits: 2 };
  const nearest = nearestIntegers(grid);
  return sequences === 0 ? nearest : { ...nearest, calibrated: { sequences, rounding } };
}

export function formatOf({ bits }: Pick<IntegerSettings, 'bits'>): number {
  return bits === 2 ? formats.Int2 : bits === 3 ? formats.Int3 : formats.Int4;
}

type Grid = Pick<IntegerSettings, 'bits' | 'groupSize'>;

/** In stored form; codes from 0, zero points of each group. */
export function storedIntegers({ codes, scales, zeros }: CodedRows, grid: Grid): Tensor {
  return scope(() => {
    const { bits, groupSize } = grid;
    const blank = ops.zeros(codes.shape, { dtype: 'bfloat16' });
    const stored = ops.quantizeWeight(blank, formatOf(grid), groupSize, false);
    const parts = [
      ops.viewDtype(packRows(bits === 4 ? turnedPairs(codes) : codes, bits), 'uint8'),
      ops.viewDtype(ops.to(scales, 'bfloat16'), 'uint8'),
      zeros === null
        ? ops.fullLike(scales, 2 ** (bits - 1), { dtype: 'uint8' })
        : ops.to(zeros, 'uint8'),
    ];
    let at = headerBytes;
    for (const part of parts) {
      const flat = ops.view(ops.contiguous(part), [-1]);
      ops.copy_(ops.narrow(stored, 0, at, flat.numel), flat);
      at += Math.ceil(flat.numel / sectionBytes) * sectionBytes;
    }
    return stored;
  });
}

/** Four bits have the first of two codes in the high half of a byte. */
export function turnedPairs(codes: Tensor): Tensor {
  const [rows = 0, columns = 0] = codes.shape;
  return ops.view(ops.flip(ops.view(codes, [rows, columns / 2, 2]), [2]), [rows, columns]);
}
