// How far boxes cover each other. A box is left, top, right, bottom; of each pair `[P, 4]`, the
// answer is `[P]`. Rezatofighi et al. 2019.
import * as ops from '../tensor/ops.generated.ts';
import type { Tensor } from '../tensor/tensor.ts';

interface Overlaps {
  /** Intersection over union, from 0 to 1. */
  readonly iou: Tensor;
  /** Less the share of the smallest box around both that neither covers: from -1 to 1. */
  readonly giou: Tensor;
}

/** Of boxes of which one of each pair at least has an area. */
export function overlapsOf(a: Tensor, b: Tensor): Overlaps {
  const [fromA, toA] = cornersOf(a);
  const [fromB, toB] = cornersOf(b);
  const both = area(ops.clamp(ops.sub(ops.minimum(toA, toB), ops.maximum(fromA, fromB)), 0));
  const areas = ops.add(area(ops.sub(toA, fromA)), area(ops.sub(toB, fromB)));
  const union = ops.sub(areas, both);
  const around = area(ops.sub(ops.maximum(toA, toB), ops.minimum(fromA, fromB)));
  const iou = ops.div(both, union);
  return { iou, giou: ops.sub(iou, ops.div(ops.sub(around, union), around)) };
}

function cornersOf(boxes: Tensor): readonly [from: Tensor, to: Tensor] {
  return [ops.narrow(boxes, 1, 0, 2), ops.narrow(boxes, 1, 2, 2)];
}

/** Of sides `[P, 2]`. */
function area(sides: Tensor): Tensor {
  return ops.mul(ops.select(sides, 1, 0), ops.select(sides, 1, 1));
}
