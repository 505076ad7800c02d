// Linears on an input that the tape makes again: the bits of the separate operators, less kept.
import test from 'ava';
import { grad, leaf, withTape } from '../../../worker/tensor/autograd.ts';
import type { DType } from '../../../worker/tensor/dtype.ts';
import { memoryStatistics, trimMemory } from '../../../worker/tensor/memory.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { type Tensor, toBytes } from '../../../worker/tensor/tensor.ts';
import { draw } from './compare.ts';

const rows = 160;
const hidden = 96;
const sizes = [72, 40];
const rank = 4;
const scales = [2, 0.5];
const epsilon = 1e-5;

interface Adapted {
  readonly weights: readonly Tensor[];
  readonly A: readonly Tensor[];
  readonly B: readonly Tensor[];
}

function adapted(leaves: readonly Tensor[], inputs: number, count: number): Adapted {
  const take = (from: number) => leaves.slice(from, from + count);
  return inputs === 0
    ? { weights: take(0), A: [], B: [] }
    : { weights: take(0), A: take(count), B: take(2 * count) };
}

function leavesOf(
  inputs: number,
  outputs: readonly number[],
  dtype: DType,
  withAdapter: boolean,
): Tensor[] {
  const weights = outputs.map((o, i) => draw(`w${i}`, [o, inputs], dtype));
  if (!withAdapter) return weights;
  const A = outputs.map((_, i) => draw(`a${i}`, [rank, inputs], 'float32'));
  const B = outputs.map((o, i) => draw(`b${i}`, [o, rank], 'float32'));
  return [...weights, ...A, ...B];
}

/** Outputs, then gradients of all leaves, as bytes. */
function bytesOf(body: (leaves: readonly Tensor[]) => readonly Tensor[], of: readonly Tensor[]) {
  return scope(() =>
    withTape(() => {
      const leaves = of.map(leaf);
      const outputs = body(leaves);
      const seeds = outputs.map((y, i) => draw(`dy${i}`, y.shape, y.dtype));
      return [...outputs, ...grad(outputs, leaves, seeds)].map((t) => t && toBytes(t));
    }),
  );
}

for (const dtype of ['float32', 'bfloat16', 'float64'] as const) {
  for (const withAdapter of [true, false]) {
    const what = `${withAdapter ? 'adapted' : 'plain'} layers in ${dtype}`;
    const few = withAdapter ? 1 : 0;

    test(`a norm inside the tape of its ${what} gives the bits of a norm before them`, (t) => {
      scope(() => {
        const leaves = [
          draw('x', [rows, hidden], dtype),
          draw('norm', [hidden], dtype),
          ...leavesOf(hidden, sizes, dtype, withAdapter),
        ];
        const parts = (all: readonly Tensor[]) => adapted(all.slice(2), few, sizes.length);
        const inside = bytesOf((all) => {
          const { weights, A, B } = parts(all);
          const [x, norm] = all as [Tensor, Tensor];
          return ops.normLinearGroup(
            x,
            norm,
            epsilon,
            1,
            weights,
            [],
            A,
            B,
            scales.slice(0, A.length),
          );
        }, leaves);
        const before = bytesOf((all) => {
          const { weights, A, B } = parts(all);
          const [x, norm] = all as [Tensor, Tensor];
          const h = ops.rmsNorm(x, norm, epsilon, 1);
          return withAdapter
            ? ops.loraLinearGroup(h, weights, [], A, B, scales)
            : ops.linearGroup(h, weights, []);
        }, leaves);
        t.deepEqual(inside, before);
      });
    });

    test(`a gated product inside the tape of its ${what} gives the bits of one before them`, (t) => {
      scope(() => {
        const leaves = [
          draw('gate', [rows, hidden], dtype),
          draw('up', [rows, hidden], dtype),
          ...leavesOf(hidden, [48], dtype, withAdapter),
        ];
        const inside = bytesOf((all) => {
          const { weights, A, B } = adapted(all.slice(2), few, 1);
          const [gate, up] = all as [Tensor, Tensor];
          return [
            ops.swigluLinear(gate, up, 0, weights[0] as Tensor, null, A, B, scales.slice(0, few)),
          ];
        }, leaves);
        const before = bytesOf((all) => {
          const { weights, A, B } = adapted(all.slice(2), few, 1);
          const [gate, up] = all as [Tensor, Tensor];
          const h = ops.swiglu(gate, up, 0);
          return withAdapter
            ? ops.loraLinearGroup(h, weights, [], A, B, scales.slice(0, 1))
            : ops.linearGroup(h, weights, []);
        }, leaves);
        t.deepEqual(inside, before);
      });
    });
  }
}

test('the tape of a norm and its layers holds no normed copy of the stream', (t) => {
  scope(() => {
    const [x, norm] = [draw('x', [4096, 256], 'float32'), draw('norm', [256], 'float32')];
    const [w, A, B] = [
      [8, 256],
      [rank, 256],
      [8, rank],
    ].map((shape, i) => leaf(draw(`p${i}`, shape, 'float32'))) as [Tensor, Tensor, Tensor];
    const kept = (body: () => readonly Tensor[]): number => {
      trimMemory(); // or a free block of nearly the wanted size is counted whole
      const before = memoryStatistics().tensorBytes;
      const outputs = scope(() => withTape(body));
      const bytes = memoryStatistics().tensorBytes - before;
      for (const y of outputs) y.dispose();
      return bytes;
    };
    const input = leaf(x);
    const inside = kept(() => ops.normLinearGroup(input, norm, epsilon, 0, [w], [], [A], [B], [1]));
    const before = kept(() =>
      ops.loraLinearGroup(ops.rmsNorm(input, norm, epsilon, 0), [w], [], [A], [B], [1]),
    );
    // A heap counts its chunks, not what was asked for: the few small tensors may differ by some
    // words.
    const words = Math.abs(before - inside - x.bytes);
    t.true(words < 4096, `${before} - ${inside} bytes, ${x.bytes} expected`);
  });
});

test('a frozen weight in the 16 bits of its file gives the bits of the widened weight', (t) => {
  scope(() => {
    const x = draw('x', [rows, hidden], 'float32');
    const narrow = draw('w', [72, hidden], 'bfloat16');
    const wide = ops.to(narrow, 'float32');
    const [A, B] = [draw('a', [rank, hidden], 'float32'), draw('b', [72, rank], 'float32')];
    const outputs = (weight: Tensor) =>
      bytesOf(
        ([x, A, B]) => [ops.loraLinear(x as Tensor, weight, null, A as Tensor, B as Tensor, 2)],
        [x, A, B],
      );
    t.deepEqual(outputs(narrow), outputs(wide));
  });
});
