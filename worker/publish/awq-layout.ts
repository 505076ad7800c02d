// The layout of AWQ that vLLM and transformers read, of the version `gemm`: eight outputs of one
// input in a word, in the order in which its kernels take them apart.
//   <layer>.qweight  int32 [I, O / 8]
//   <layer>.qzeros   int32 [groups, O / 8]
//   <layer>.scales   float16 [groups, O]
// Half byte i of a word, from the lowest, is output 0, 2, 4, 6, 1, 3, 5, 7 of its eight. Symmetric
// grids have zero points, too: 8. What AWQ does to weights before they are rounded is not done: the
// integers are those of `output.quantization`.
import { rowPanels } from '../files/row-panels.ts';
import { packRows, unpackRows } from '../methods/weights/packed-integers.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { type Tensor, tensor } from '../tensor/tensor.ts';
import { groupsOf, halfScales, leastHalfScale, zeroPoints } from './gptq-layout.ts';
import { codesFromZero, type IntegerLayout, type Integers, rowsOfWord } from './integer-layout.ts';

const bits = 4;
const order = [0, 2, 4, 6, 1, 3, 5, 7];
const back = order.map((_, i) => order.indexOf(i));

export const awqLayout: IntegerLayout = {
  least: { scale: leastHalfScale, zero: 0 },
  planned(layer, integers) {
    const { out, in: inputs } = layer;
    return {
      qweight: {
        ...{ shape: [inputs, out / rowsOfWord], dtype: 'int32' },
        make: () => {
          const panels = rowPanels([out, inputs], rowsOfWord).map((rows) =>
            scope(() => {
              const codes = codesFromZero(integers, layer, rows);
              return packRows(inOrder(ops.contiguous(ops.t(codes)), order), bits);
            }),
          );
          return ops.cat(panels, 1);
        },
      },
      qzeros: {
        ...{ shape: [groupsOf(layer, integers), out / rowsOfWord], dtype: 'int32' },
        make: () => packRows(inOrder(zeroPoints(integers, layer), order), bits),
      },
      scales: halfScales(integers, layer),
    };
  },
  stored(folder, { path, out }, _: Integers) {
    const [words, zeros, scales] = ['qweight', 'qzeros', 'scales'].map((each) =>
      folder.load(`${path}.${each}`),
    ) as [Tensor, Tensor, Tensor];
    return {
      codes(first, count) {
        const own = ops.narrow(words, 1, first / rowsOfWord, count / rowsOfWord);
        const codes = inOrder(unpackRows(ops.contiguous(own), count, bits), back);
        return ops.contiguous(ops.t(codes));
      },
      scales: ops.contiguous(ops.t(scales)),
      zeros: ops.contiguous(ops.t(inOrder(unpackRows(zeros, out, bits), back))),
      mapped: [words, zeros, scales],
    };
  },
  config:
    ({ groupSize }) =>
    () => ({
      ...{ quant_method: 'awq', version: 'gemm', bits, group_size: groupSize ?? -1 },
      ...{ zero_point: true, modules_to_not_convert: ['lm_head'] },
    }),
};

/** Columns, eight by eight, in another order. */
function inOrder(values: Tensor, places: readonly number[]): Tensor {
  const [rows = 0, columns = 0] = values.shape;
  const eights = ops.view(values, [rows, columns / rowsOfWord, rowsOfWord]);
  const index = tensor([...places], [rowsOfWord], 'int64');
  return ops.view(ops.indexSelect(eights, 2, index), [rows, columns]);
}
