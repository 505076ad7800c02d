// QLoRA: Efficient Finetuning of Quantized LLMs (Dettmers et al. 2023).
//
// Against LoRA: the frozen matrices are stored in 4-bit NormalFloat and never dequantized as a
// whole.
//   absmax_g = max |w| in g · code = nearest of nf4[0 … 15] to w / absmax_g
//   w' = nf4[code] * absmax_g
// nf4: 16 quantiles of N(0, 1) between -1 and 1, 0 among them · g: `blockSize` neighbours of a row.
// Double quantisation: absmax' = map[code8] * s + o, with o the mean of all absmax of the matrix, s
// the largest |absmax - o| of 256, and `map` the 8-bit dynamic type: 4 + 8/64 + 32/(64 * 256) =
// 4.127 bits a weight.
//
// Shapes: W [O, I] → codes [O, I/2] bytes · absmax [O, I/blockSize] · s [ceil(O I / blockSize /
// 256)]. As in the paper: embeddings, head and norms stay dense, codes are computed with the exact
// absmax. Differences: a block never crosses a row, so a size that does not divide the rows is
// refused. Values are dequantized to the type of the other operand: bfloat16, as in the paper, or
// float32. Left out: paged optimizer state.
import * as ops from '../../tensor/ops.generated.ts';
import { formats, type WeightStore } from './weight-store.ts';

interface Nf4Settings {
  readonly blockSize: number;
  readonly scales: 'DoubleQuantized' | 'Float32';
}

export function nf4({ blockSize, scales }: Nf4Settings): WeightStore {
  const format = scales === 'DoubleQuantized' ? formats.NF4Double : formats.NF4;
  return { name: 'NF4', quantize: (matrix) => ops.quantizeWeight(matrix, format, blockSize) };
}
