/**
 * Codes into codebooks (2x8g8) of a layer of SmolLM2-135M, beside the same in operators of
 * libtorch.
 */
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { normal, uniform } from '../../../worker/tensor/rng.ts';
import { streamOf } from '../../../worker/tensor/streams.ts';
import type { Tensor } from '../../../worker/tensor/tensor.ts';
import type { KernelCase } from './cases.ts';

const [outputs, inputs, size, entries] = [1536, 576, 8, 256];
const groups = inputs / size;
const stream = streamOf(3, 'bench codebook');

export function codebookCases(): readonly KernelCase[] {
  const drawn = uniform([outputs, groups, 2], 0, entries, stream, 'float64');
  const codes = ops.to(ops.floor(drawn), 'uint8');
  const codebooks = normal([2, entries, size], 1, stream);
  const scales = ops.ones([outputs], { dtype: 'float32' });
  const gradient = normal([outputs, inputs], 1, stream);
  const [first, second] = ops.unbind(codebooks, 0) as [Tensor, Tensor];
  const indices = () =>
    [0, 1].map((k) => ops.to(ops.view(ops.contiguous(ops.select(codes, 2, k)), [-1]), 'int64')) as [
      Tensor,
      Tensor,
    ];
  const lookUp = (): Tensor => {
    const [a, b] = indices();
    const sum = ops.add_(ops.indexSelect(first, 0, a), ops.indexSelect(second, 0, b));
    return ops.mul_(ops.view(sum, [outputs, inputs]), ops.unsqueeze(scales, 1));
  };
  const targets = ops.view(gradient, [-1, size]);
  const one = ops.unsqueeze(first, 0);
  const start = ops.zeros([outputs * groups, 1], { dtype: 'uint8' });
  const norms = ops.sumDim(ops.square(first), [1]);
  return [
    {
      name: 'codebook, decode to bfloat16',
      reference: 'aten::index_select twice, add, mul, to',
      ours: () => void ops.codebookDecode(codes, codebooks, scales, { dtype: 'bfloat16' }),
      theirs: () => void ops.to(lookUp(), 'bfloat16'),
      bytes: codes.bytes + 2 * outputs * inputs,
    },
    {
      name: 'codebook, gradients of vectors and scales',
      reference: 'aten::index_add_ twice, and a decode',
      ours: () => void ops.codebookGradient(codes, codebooks, scales, gradient),
      theirs: () => {
        const scaled = ops.view(ops.mul(gradient, ops.unsqueeze(scales, 1)), [-1, size]);
        for (const index of indices()) {
          ops.indexAdd_(ops.zeros([entries, size], { dtype: 'float32' }), 0, index, scaled);
        }
        ops.sumDim(ops.mul(gradient, lookUp()), [1]);
      },
      bytes: codes.bytes + 4 * outputs * inputs,
    },
    {
      name: 'codebook, nearest of 256 vectors',
      reference: 'aten::addmm, argmin',
      ours: () => void ops.codebookSearch(targets, one, start, [0], 1),
      theirs: () => void ops.argmin(ops.addmm(norms, targets, ops.t(first), { alpha: -2 }), 1),
      flops: 2 * outputs * groups * entries * size,
    },
  ];
}
