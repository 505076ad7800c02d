// How far boxes cover each other: known cases, bounds, and gradients by finite differences.
import test from 'ava';
import { grad, leaf, withTape } from '../../../worker/tensor/autograd.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { uniform } from '../../../worker/tensor/rng.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { streamOf } from '../../../worker/tensor/streams.ts';
import { type Tensor, tensor, toArray } from '../../../worker/tensor/tensor.ts';
import { overlapsOf } from '../../../worker/tracking/boxes.ts';

type Row = readonly [number, number, number, number];

function found(a: Row, b: Row): readonly [iou: number, giou: number] {
  return scope(() => {
    const [x, y] = [a, b].map((row) => tensor([...row], [1, 4], 'float64')) as [Tensor, Tensor];
    const { iou, giou } = overlapsOf(x, y);
    return [toArray(iou)[0] ?? Number.NaN, toArray(giou)[0] ?? Number.NaN];
  });
}

test('overlaps of known boxes', (t) => {
  t.deepEqual(found([1, 2, 3, 5], [1, 2, 3, 5]), [1, 1]);
  t.deepEqual(found([0, 0, 2, 1], [1, 0, 3, 1]), [1 / 3, 1 / 3], 'nothing is left between them');
  const [iou, giou] = found([0, 0, 1, 1], [2, 0, 3, 1]);
  t.is(iou, 0);
  t.true(Math.abs(giou + 1 / 3) < 1e-15, 'a third of the box around both is of neither');
  const [none, far] = found([0, 0, 1, 1], [1000, 1000, 1001, 1001]);
  t.is(none, 0);
  t.true(far > -1 && far < -0.99);
});

/** Boxes of all kinds, half of them apart. */
function pairs(count: number): readonly [Tensor, Tensor] {
  const boxes = (purpose: string): Tensor => {
    const [from, sides] = ['from', 'sides'].map((part) =>
      uniform([count, 2], 0, 1, streamOf(3, purpose, part), 'float64'),
    ) as [Tensor, Tensor];
    return ops.cat([from, ops.add(from, ops.mulScalar(sides, 0.6))], 1);
  };
  return [boxes('a'), boxes('b')];
}

test('GIoU is from -1 to 1 and no larger than IoU', (t) => {
  scope(() => {
    const { iou, giou } = overlapsOf(...pairs(2000));
    const [ious, gious] = [toArray(iou), toArray(giou)];
    t.true(gious.every((value) => value >= -1 && value <= 1));
    // Of a box inside of another, nothing is left of the box around both but rounding.
    t.true(ious.every((value, i) => value >= 0 && (gious[i] ?? 2) <= value + 1e-12));
    t.true(ious.some((value) => value === 0) && ious.some((value) => value > 0.3));
  });
});

test('the gradient of GIoU is its slope', (t) => {
  scope(() => {
    const [a, b] = pairs(40);
    const from = leaf(a);
    const taped = withTape(() => ops.sum(overlapsOf(from, b).giou));
    const [gradient] = grad([taped], [from], [tensor([1], [], 'float64')]);
    const ours = toArray(gradient ?? a);
    const values = toArray(a);
    const h = 1e-6;
    for (const [i, value] of values.entries()) {
      const at = (moved: number): number => {
        const all = values.map((one, k) => (k === i ? moved : one));
        return toArray(ops.sum(overlapsOf(tensor(all, a.shape, 'float64'), b).giou))[0] ?? 0;
      };
      const slope = (at(value + h) - at(value - h)) / (2 * h);
      t.true(Math.abs(slope - (ours[i] ?? Number.NaN)) <= 1e-6 * Math.max(1, Math.abs(slope)));
    }
  });
});
