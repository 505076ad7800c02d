// A kernel that reads many bytes at once reads fewer where memory begins in between: the same bits
// for the same values, wherever they lie.
import test from 'ava';
import type { DType } from '../../../worker/tensor/dtype.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { type Tensor, toBytes } from '../../../worker/tensor/tensor.ts';
import { draw, onEachIsa, run } from './compare.ts';

type Place = (name: string, shape: readonly number[], dtype?: DType) => Tensor;

/** At the beginning of an allocation. */
const aligned: Place = (name, shape, dtype = 'float32') => draw(name, shape, dtype);
/** One element behind it. */
const shifted: Place = (name, shape, dtype = 'float32') => {
  const values = aligned(name, shape, dtype);
  const room = ops.zeros([values.numel + 1], { dtype });
  return ops.copy_(ops.view(ops.narrow(room, 0, 1, values.numel), shape), values);
};
/** Rows of the last dimension with one element between them. */
const apart: Place = (name, shape, dtype = 'float32') => {
  const values = aligned(name, shape, dtype);
  const size = shape.at(-1) ?? 0;
  const room = ops.zeros([...shape.slice(0, -1), size + 1], { dtype });
  return ops.copy_(ops.narrow(room, shape.length - 1, 0, size), values);
};

const adam = { lr: 0.1, beta1: 0.9, beta2: 0.99, eps: 1e-8, weightDecay: 0.1, step: 2 };
const all = ({ outputs, gradients }: ReturnType<typeof run>) => [...outputs, ...gradients];

function codesOf(place: Place, size: number): readonly Tensor[] {
  const state = (name: string) => ops.to(ops.mulScalar(ops.abs(place(name, [size])), 9), 'uint8');
  return [state('m'), state('v')].map((codes) => {
    const room = ops.zeros([size + 1], { dtype: 'uint8' });
    return place === aligned ? codes : ops.copy_(ops.narrow(room, 0, 1, size), codes);
  });
}

/** Kernels whose arrays are contiguous. */
const inOnePiece: Readonly<Record<string, (place: Place, dtype: DType) => readonly Tensor[]>> = {
  adamw_(place, dtype) {
    const [p, m] = [place('p', [203], dtype), place('m', [203], dtype)];
    const v = ops.square(place('v', [203], dtype));
    ops.adamw_(p, place('g', [203], dtype), m, v, null, { ...adam, roundingKey: 7 });
    return [p, m, v];
  },
  adamw8bit_(place, dtype) {
    const [p, [m, v]] = [place('p', [600], dtype), codesOf(place, 600)];
    const [most, map] = [ops.ones([3]), ops.div(ops.arange(0, 256), ops.full([], 255))];
    const state = [m as Tensor, ops.clone(most), v as Tensor, ops.clone(most)] as const;
    ops.adamw8bit_(p, place('g', [600], dtype), ...state, map, map, adam);
    return [p, ...state];
  },
  stochastic_round_: (place) => [
    ops.stochasticRound_(place('to', [203], 'bfloat16'), place('from', [203]), 3, 4),
  ],
  affine_code_(place) {
    const codes = ops.zeros([3, 96], { dtype: 'uint8' });
    const zeros = ops.zeros([3, 2], { dtype: 'uint8' });
    const scales = ops.zeros([3, 2]);
    ops.affineCode_(codes, scales, zeros, place('x', [3, 96]), 8, 5);
    return [codes, scales, zeros];
  },
};

/** Kernels that read rows with something between them. */
const inRows: typeof inOnePiece = {
  rms_norm: (place, dtype) =>
    all(
      run(
        (x, w) => ops.rmsNorm(x as Tensor, w as Tensor, 1e-5),
        [place('x', [5, 72], dtype), draw('w', [72], dtype)],
        [draw('dy', [5, 72], dtype)],
      ),
    ),
  layer_norm: (place, dtype) =>
    all(
      run(
        (x, w, b) => ops.layerNorm(x as Tensor, w as Tensor, b as Tensor, 1e-5),
        [place('x', [5, 72], dtype), draw('w', [72], dtype), draw('b', [72], dtype)],
        [draw('dy', [5, 72], dtype)],
      ),
    ),
  swiglu: (place, dtype) =>
    all(
      run(
        (g, u) => ops.swiglu(g as Tensor, u as Tensor),
        [place('g', [5, 72], dtype), place('u', [5, 72], dtype)],
        [draw('dy', [5, 72], dtype)],
      ),
    ),
  rope: (place, dtype) => [
    ops.rope(
      place('x', [5, 3, 40], dtype),
      draw('cos', [5, 16], 'float32'),
      draw('sin', [5, 16], 'float32'),
    ),
  ],
};

for (const [kernels, places] of [
  [inOnePiece, [shifted]],
  [inRows, [shifted, apart]],
] as const) {
  for (const [name, body] of Object.entries(kernels)) {
    test(`${name} has the same bits wherever its memory begins`, (t) => {
      onEachIsa((isa) => {
        for (const dtype of ['float32', 'bfloat16'] as const) {
          scope(() => {
            const expected = body(aligned, dtype).map(toBytes);
            for (const place of places) {
              t.deepEqual(body(place, dtype).map(toBytes), expected, `${isa}, ${dtype}`);
            }
          });
        }
      });
    });
  }
}
