// Integers of few bits packed into words of 32, as the package compressed-tensors has them: element
// i of a row begins at its bit i * bits, lowest bits first, over the ends of words; a row ends with
// zeros. Here eight elements at a time, which are as many bytes as an element has bits.
import * as ops from '../../tensor/ops.generated.ts';
import { scope } from '../../tensor/scope.ts';
import type { Tensor } from '../../tensor/tensor.ts';

/** Words of a row of so many elements. */
export function wordsOf(elements: number, bits: number): number {
  return Math.ceil((elements * bits) / 32);
}

/** Rows of integers from 0 to 2^bits - 1, of any type, as int32 `[rows, words]`. */
export function packRows(values: Tensor, bits: number): Tensor {
  return scope(() => {
    const [rows = 0, columns = 0] = values.shape;
    const bytes = 4 * wordsOf(columns, bits);
    const eights = Math.ceil(bytes / bits);
    const padded = ops.zeros([rows, 8 * eights], { dtype: 'int64' });
    ops.copy_(ops.narrow(padded, 1, 0, columns), values);
    const all = ops.view(padded, [rows, eights, 8]);
    const word = ops.sumDim(
      ops.stack(
        indices(8).map((i) => ops.bitwiseLeftShiftScalar(ops.select(all, 2, i), i * bits)),
        2,
      ),
      [2],
    );
    const apart = indices(bits).map((j) => byteOf(word, 8 * j, 255));
    const joined = ops.view(ops.to(ops.stack(apart, 2), 'uint8'), [rows, eights * bits]);
    return ops.viewDtype(ops.contiguous(ops.narrow(joined, 1, 0, bytes)), 'int32');
  });
}

/** The integers again: int64 `[rows, columns]`. */
export function unpackRows(words: Tensor, columns: number, bits: number): Tensor {
  return scope(() => {
    const [rows = 0] = words.shape;
    const stored = ops.viewDtype(ops.contiguous(words), 'uint8');
    const [, bytes = 0] = stored.shape;
    const eights = Math.ceil(bytes / bits);
    const padded = ops.zeros([rows, eights * bits], { dtype: 'int64' });
    ops.copy_(ops.narrow(padded, 1, 0, bytes), stored);
    const all = ops.view(padded, [rows, eights, bits]);
    const word = ops.sumDim(
      ops.stack(
        indices(bits).map((j) => ops.bitwiseLeftShiftScalar(ops.select(all, 2, j), 8 * j)),
        2,
      ),
      [2],
    );
    const apart = indices(8).map((i) => byteOf(word, i * bits, 2 ** bits - 1));
    const joined = ops.view(ops.stack(apart, 2), [rows, 8 * eights]);
    return ops.contiguous(ops.narrow(joined, 1, 0, columns));
  });
}

/** Also of a word whose highest bit is its sign. */
function byteOf(word: Tensor, shift: number, mask: number): Tensor {
  return ops.bitwiseAndScalar(ops.bitwiseRightShiftScalar(word, shift), mask);
}

function indices(count: number): readonly number[] {
  return Array.from({ length: count }, (_, i) => i);
}
