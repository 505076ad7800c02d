/**
 * Codes of 8 bits with a scale and a zero a group, of a layer of SmolLM2-135M, beside the same in
 * operators of libtorch.
 */

import {
  changeStochastically_,
  codeNearest,
  decode,
  groupOf,
  quantizeStochastically_,
} from '../../../worker/methods/weights/affine-groups.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { normal, uniform } from '../../../worker/tensor/rng.ts';
import { streamOf } from '../../../worker/tensor/streams.ts';
import type { Tensor } from '../../../worker/tensor/tensor.ts';
import type { KernelCase } from './cases.ts';

const [outputs, inputs] = [1536, 576];
const grouped = [outputs, inputs / groupOf(inputs), groupOf(inputs)];
const stream = streamOf(3, 'bench affine groups');

export function affineCases(): readonly KernelCase[] {
  const x = normal([outputs, inputs], 0.02, stream);
  const coded = codeNearest(x, 8);
  const bytes = x.bytes + coded.codes.bytes;
  return [
    {
      name: 'affine groups, stochastic rounding',
      reference: 'aten::amin, amax, div, ceil, add, clamp, to, on numbers of philox_uniform_',
      ours: () => quantizeStochastically_(coded, x, 8, stream),
      theirs: () => byOperators(x),
      bytes,
    },
    {
      name: 'affine groups, decode to bfloat16',
      reference: 'aten::to, sub, mul, to',
      ours: () => void decode(coded, 'bfloat16'),
      theirs: () => {
        const values = ops.view(ops.to(coded.codes, 'float32'), grouped);
        ops.sub_(values, ops.unsqueeze(coded.zeros, -1));
        ops.mul_(values, ops.unsqueeze(coded.scales, -1));
        ops.to(values, 'bfloat16');
      },
      bytes: coded.codes.bytes + 2 * outputs * inputs,
    },
    changed(outputs, inputs),
    changed(2560, 960),
  ];
}

/** Codes that a product of a quarter of the rank is added to. */
function changed(rows: number, columns: number): KernelCase {
  const rank = columns / 4;
  const coded = codeNearest(normal([rows, columns], 0.02, stream), 8);
  const [left, right] = [normal([rows, rank], 1e-3, stream), normal([rank, columns], 1e-3, stream)];
  const change = {
    left: ops.to(left, 'bfloat16'),
    right: ops.to(right, 'bfloat16'),
    ...{ alpha: 0.25, kept: 1 },
  };
  return {
    name: `affine groups, a product added, ${rows} × ${columns}`,
    reference: 'anneal::affine_decode, linear_dw_, affine_code_',
    ours: () => changeStochastically_(coded, change, stream),
    theirs: () => {
      const exact = decode(coded, 'float32');
      ops.linearDw_(exact, ops.t(change.left), change.right, { alpha: 0.25 });
      quantizeStochastically_(coded, exact, 8, stream);
    },
    flops: 2 * rows * columns * rank,
  };
}

function byOperators(x: Tensor): void {
  const groups = ops.view(x, grouped);
  const low = ops.clamp(ops.amin(groups, [-1], true), null, 0);
  const high = ops.clamp(ops.amax(groups, [-1], true), 0);
  const scales = ops.clamp(ops.divScalar(ops.sub(high, low), 254), 1e-12);
  const zeros = ops.ceil(ops.div(ops.neg(low), scales));
  const places = ops.add_(ops.div(groups, scales), zeros);
  ops.to(ops.clamp_(ops.add_(uniform(grouped, 0, 1, stream), places), 0, 255), 'uint8');
}
