/**
 * The choice of directions of a matrix of SmolLM2-135M, at a quarter of its smaller side, beside
 * torch's singular vectors.
 */
import { sketchedSubspace, topSubspace } from '../../../worker/methods/optimizers/subspace.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { normal } from '../../../worker/tensor/rng.ts';
import { streamOf } from '../../../worker/tensor/streams.ts';
import type { Tensor } from '../../../worker/tensor/tensor.ts';
import type { KernelCase } from './cases.ts';

const stream = streamOf(3, 'bench subspace');
/** Down and up, query and output, key and value. */
const shapes = [
  [1536, 576],
  [576, 576],
  [192, 576],
] as const;

export function subspaceCases(): readonly KernelCase[] {
  return shapes.flatMap(([rows, columns]) => {
    const gradient = gradientLike(rows, columns);
    const rank = Math.min(rows, columns) / 4;
    const single = ops.to(gradient, 'float32');
    const theirs = () => void ops.linalgSvd(single, false);
    const named = (how: string) => `directions, ${how}, ${rows} × ${columns}`;
    const reference = 'aten::linalg_svd';
    return [
      {
        ...{ name: named('exact'), reference, theirs },
        ours: () => void topSubspace(gradient, rank),
      },
      {
        ...{ name: named('sketched'), reference, theirs },
        ours: () => void sketchedSubspace(gradient, rank),
      },
    ];
  });
}

/**
 * Of 512 tokens, in bfloat16: a sum of so many outer products, whose sizes differ a thousandfold.
 */
function gradientLike(rows: number, columns: number): Tensor {
  const tokens = 512;
  const sizes = ops.mulScalar(
    ops.arange(0, tokens, 1, { dtype: 'float32' }),
    -Math.log(1000) / tokens,
  );
  const left = ops.mul(normal([rows, tokens], 1, stream), ops.exp(sizes));
  return ops.to(ops.mm(left, normal([tokens, columns], 1, stream)), 'bfloat16');
}
