// Matrices in 4 bits against the grids that weights are written in, in operators of libtorch, and
// the three products against float64: of float64 itself, of the codes, and on average.
import test from 'ava';
import { floatCodes, floatSteps, globalScale } from '../../../worker/quantize/float-grid.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { item, type Tensor, toArray, toBytes } from '../../../worker/tensor/tensor.ts';
import {
  bytesByThreads,
  distance,
  draw,
  largest,
  onEachIsa,
  type Run,
  run,
  wide,
} from './compare.ts';

const formats = { NVFP4: 1, MXFP4: 2 } as const;
type Format = keyof typeof formats;
const sizes = { NVFP4: 16, MXFP4: 32 } as const;
const signs = 0x5a17c3e9;

type Quantized = readonly [Tensor, Tensor, Tensor];
interface How {
  readonly columns?: boolean;
  readonly square?: boolean;
  readonly signs?: number;
  readonly key?: number;
  readonly site?: number;
}

const quantize = (x: Tensor, format: Format, how: How = {}): Quantized =>
  ops.quantizeFp4(x, formats[format], how);

/** What codes stand for, in float64. */
function numbers([codes, scales, tensorScale]: Quantized): Tensor {
  if (codes.dtype === 'float64') return codes;
  return ops.mul(wide(ops.dequantizeFp4(codes, scales, { dtype: 'float32' })), wide(tensorScale));
}

/** The first columns of rows. */
const first = (x: Tensor, columns: number) => ops.narrow(x, 1, 0, columns);

/** The same by the grids that weights are written in, for rows of whole groups. */
function byGrid(x: Tensor, format: Format): { values: Tensor; scales: Tensor } {
  const isNv = format === 'NVFP4';
  const grid = {
    ...({ format: 'e2m1', scales: isNv ? 'E4M3' : 'PowerOfTwo' } as const),
    ...{ groupSize: sizes[format], global: isNv ? globalScale(largest(x)) : 1 },
  };
  const steps = floatSteps(x, grid);
  return { values: floatCodes(x, steps, grid), scales: steps.scale };
}

test('codes and scales are those of the grids that weights are written in', (t) => {
  for (const format of ['NVFP4', 'MXFP4'] as const) {
    for (const dtype of ['float32', 'bfloat16'] as const) {
      onEachIsa((isa) => {
        scope(() => {
          const x = ops.mul(draw('x', [70, 160], dtype), draw('sizes', [70, 1], dtype, 4));
          ops.fill_(ops.narrow(ops.narrow(x, 0, 3, 1), 1, 32, 32), 0);
          const [codes, scales, tensorScale] = quantize(x, format);
          const expected = byGrid(ops.to(x, 'float32'), format);
          const inSteps = ops.repeatInterleave(expected.scales, sizes[format], 1);
          const values = ops.mul(wide(expected.values), wide(inSteps));
          const got = numbers([codes, scales, tensorScale]);
          // 1 / g and e / g are rounded.
          const gap = distance(got, values) / largest(values);
          t.true(gap <= 2 ** -22, `${format} ${dtype} ${isa}: ${gap}`);
        });
      });
    }
  }
});

test('whatever is read turned, in pieces or of odd sizes has the same codes', (t) => {
  for (const format of ['NVFP4', 'MXFP4'] as const) {
    onEachIsa((isa) => {
      for (const [rows, columns] of [
        [1, 1],
        [33, 100],
        [129, 48],
        [64, 17],
      ] as const) {
        scope(() => {
          const x = draw('x', [rows, columns], 'bfloat16');
          const turned = ops.contiguous(ops.t(x));
          for (const how of [{}, { signs }, { signs, key: 5 }]) {
            const told = `${format} ${isa} ${rows}x${columns} ${JSON.stringify(how)}`;
            const of = (y: Tensor, columns: boolean) =>
              quantize(y, format, { ...how, columns }).map(toBytes);
            const expected = of(x, false);
            t.deepEqual(of(turned, true), expected, told);
            t.deepEqual(of(ops.t(turned), false), expected, told);
            t.deepEqual(of(ops.t(x), true), expected, told);
          }
          const groups = Math.ceil(columns / sizes[format]) * sizes[format];
          const padded = ops.zeros([rows, groups], { dtype: 'bfloat16' });
          ops.copy_(first(padded, columns), x);
          t.deepEqual(quantize(padded, format).map(toBytes), quantize(x, format).map(toBytes));
        });
      }
    });
  }
});

test('each instruction set has the same bits, and each number of threads', (t) => {
  const ways: readonly How[] = [
    {},
    { signs },
    { signs, key: 77, site: 3 },
    { columns: true, key: 3 },
  ];
  for (const format of ['NVFP4', 'MXFP4'] as const) {
    const all: Uint8Array[][] = [];
    onEachIsa(() => {
      scope(() => {
        const x = draw('x', [200, 150], 'float32');
        const squares = format === 'NVFP4' ? [{ square: true }] : [];
        all.push([...ways, ...squares].flatMap((how) => quantize(x, format, how).map(toBytes)));
      });
    });
    for (const each of all) t.deepEqual(each, all[0]);
  }
  const made = bytesByThreads([1, 2, 3], () => {
    const x = draw('x', [300, 576], 'bfloat16');
    return group(
      x,
      [draw('w', [96, 576], 'bfloat16')],
      [draw('dy', [300, 96], 'bfloat16')],
      'NVFP4',
    );
  });
  for (const bytes of made) t.deepEqual(bytes, made[0]);
});

test('a device has the bits of the processor', (t) => {
  for (const format of ['NVFP4', 'MXFP4'] as const) {
    const ways: readonly How[] = [
      {},
      { signs },
      { signs, key: 9, site: 2 },
      { columns: true, key: 3 },
    ];
    const squares = format === 'NVFP4' ? [{ square: true }] : [];
    const make = () =>
      (['bfloat16', 'float32'] as const).flatMap((dtype) => {
        const x = draw('x', [77, 83], dtype);
        return [...ways, ...squares].flatMap((how) => {
          const made = quantize(x, format, how);
          return [...made, ops.dequantizeFp4(made[0], made[1], { dtype })].map(toBytes);
        });
      });
    t.deepEqual(scope(make), scope(make, 'cpu'), format);
  }
});

test('square scales are those of 16 x 16 values, and serve rows and columns', (t) => {
  scope(() => {
    const x = draw('x', [64, 96], 'float32');
    const tile = ops.permute(ops.view(x, [4, 16, 6, 16]), [0, 2, 1, 3]);
    const flat = ops.reshape(tile, [24, 256]);
    const grid = {
      ...({ format: 'e2m1', scales: 'E4M3', groupSize: 256 } as const),
      global: globalScale(largest(x)),
    };
    const steps = floatSteps(flat, grid);
    const values = ops.mul(wide(floatCodes(flat, steps, grid)), wide(steps.scale));
    const back = ops.reshape(ops.permute(ops.view(values, [4, 6, 16, 16]), [0, 2, 1, 3]), [64, 96]);
    const got = numbers(quantize(x, 'NVFP4', { square: true }));
    t.true(distance(got, back) / largest(back) <= 2 ** -22);
    const turned = numbers(quantize(x, 'NVFP4', { square: true, columns: true }));
    t.is(distance(ops.t(turned), got), 0, 'both passes see the same weight');
    // Edges, where squares are cut.
    const odd = draw('odd', [37, 41], 'float32');
    const whole = first(numbers(quantize(odd, 'NVFP4', { square: true })), 41);
    const other = first(numbers(quantize(odd, 'NVFP4', { square: true, columns: true })), 37);
    t.is(distance(ops.t(other), whole), 0);
  });
});

test('what is rounded stochastically is right on average, and no value is cut off', (t) => {
  const times = 4000;
  for (const format of ['NVFP4', 'MXFP4'] as const) {
    scope(() => {
      const x = draw('x', [8, 64], 'float32');
      const sum = ops.zeros([8, 64], { dtype: 'float64' });
      let most = 0;
      for (let key = 0; key < times; key += 1) {
        scope(() => {
          const got = numbers(quantize(x, format, { key, site: 1 }));
          ops.add_(sum, got);
          most = Math.max(most, distance(got, x));
        });
      }
      const group = ops.view(ops.abs(wide(x)), [8, 64 / sizes[format], sizes[format]]);
      const step = item(ops.amax(group)) / (format === 'NVFP4' ? 3 : 1.5);
      t.true(most <= step * 1.15, `${format}: one is off by ${most}, a step is ${step}`);
      // Five standard deviations of a mean: half a step at most, of 512 values.
      const gap = distance(ops.divScalar(sum, times), x);
      t.true(gap <= (5 * 0.5 * step) / Math.sqrt(times), `${format}: ${gap}`);
    });
  }
});

test('a rotation with signs is orthogonal, and products of rotated operands stay', (t) => {
  for (const format of ['NVFP4', 'MXFP4'] as const) {
    scope(() => {
      const size = sizes[format];
      const [h] = quantize(ops.eye(size, { dtype: 'float64' }), format, { signs });
      t.true(distance(ops.mm(h, ops.t(h)), ops.eye(size, { dtype: 'float64' })) < 1e-15);
      const entries = new Set(
        toArray(ops.mulScalar(ops.abs(h), Math.sqrt(size))).map((v) => v.toFixed(12)),
      );
      t.deepEqual([...entries], ['1.000000000000']);
      // The same rotation of float32: what is left are the steps.
      const x = draw('x', [40, 96], 'float32');
      const [exact] = quantize(wide(x), format, { signs });
      const off = distance(numbers(quantize(x, format, { signs })), exact) / largest(exact);
      t.true(off < 0.2, `${off}`);
    });
  }
});

/** The layers in 4 bits: outputs, and gradients of x, the weights and the biases. */
function group(
  x: Tensor,
  weights: readonly Tensor[],
  seeds: readonly Tensor[],
  format: Format,
  {
    biases = weights.map(() => null),
    key = 9,
  }: { biases?: readonly (Tensor | null)[]; key?: number } = {},
): Run {
  const codes = weights.map((w) => quantize(w, format, { square: format === 'NVFP4' }));
  const there = biases.filter((bias) => bias !== null);
  return run(
    (input, ...rest) => {
      const moved = rest.slice(weights.length).values();
      return ops.fp4LinearGroup(
        input as Tensor,
        rest.slice(0, weights.length),
        codes.map(([values]) => values),
        codes.map(([, scales]) => scales),
        codes.map(([, , tensorScale]) => tensorScale),
        biases.map((bias) => (bias === null ? null : (moved.next().value ?? null))),
        formats[format],
        signs,
        weights.map((_, i) => key + i),
      );
    },
    [x, ...weights, ...there],
    seeds,
  );
}

const all = ({ outputs, gradients }: Run) => [...outputs, ...gradients];
const shapes = [
  [64, 48, [24, 8]],
  [37, 100, [20]],
  [1, 12, [5, 7, 3]],
  [130, 576, [96, 40]],
] as const;

test('in float64 nothing is quantized, and rotations leave the plain products', (t) => {
  for (const format of ['NVFP4', 'MXFP4'] as const) {
    for (const [tokens, inputs, outs] of shapes) {
      scope(() => {
        const x = draw('x', [tokens, inputs], 'float64');
        const weights = outs.map((out, i) => draw(`w${i}`, [out, inputs], 'float64'));
        const biases = outs.map((out, i) => (i === 0 ? draw('b', [out], 'float64') : null));
        const seeds = outs.map((out, i) => draw(`dy${i}`, [tokens, out], 'float64'));
        const ys = weights.map((w, i) => ops.atenLinear(x, w, biases[i] ?? null));
        const dx = weights
          .map((w, i) => ops.mm(seeds[i] as Tensor, w))
          .reduce((a, b) => ops.add(a, b));
        const dws = seeds.map((dy) => ops.mm(ops.t(dy), x));
        const expected = [...ys, dx, ...dws, ops.sumDim(seeds[0] as Tensor, [0])];
        const got = all(group(x, weights, seeds, format, { biases }));
        t.is(got.length, expected.length);
        for (const [i, one] of got.entries()) {
          const exact = expected[i] as Tensor;
          const gap = distance(one, exact) / (1 + largest(exact));
          t.true(gap < 1e-13, `${format} ${tokens}x${inputs} ${i}: ${gap}`);
        }
      });
    }
  }
});

/** y, dx and dw by the codes of operands, in float64. */
function byCodes(x: Tensor, weights: readonly Tensor[], seeds: readonly Tensor[], format: Format) {
  const [, inputs = 0] = x.shape;
  const isNv = format === 'NVFP4';
  const key = 9;
  const qx = numbers(quantize(x, format));
  const qw = weights.map((w) => numbers(quantize(w, format, { square: isNv })));
  const again = (z: Tensor, key: number, site: number) =>
    numbers(quantize(ops.to(z, 'bfloat16'), format, { columns: true, signs, key, site }));
  const parts = seeds.map((dy, i) => {
    const [, out = 0] = dy.shape;
    const seen = first(qw[i] as Tensor, inputs);
    const of = { key: key + i, site: 0 };
    if (isNv) return ops.mm(first(numbers(quantize(dy, format, of)), out), seen);
    return ops.mm(numbers(quantize(dy, format, { ...of, signs })), ops.t(again(seen, key + i, 2)));
  });
  const read = isNv
    ? numbers(quantize(x, format, { columns: true, signs }))
    : again(first(qx, inputs), key, 3);
  const dws = seeds.map((dy, i) => {
    const error = quantize(dy, format, { columns: true, signs, key: key + i, site: 1 });
    return ops.mm(numbers(error), ops.t(read));
  });
  const ys = qw.map((w) => ops.mm(qx, ops.t(w)));
  return [...ys, parts.reduce((a, b) => ops.add(a, b)), ...dws];
}

test('products are those of the codes, each format, size and instruction set', (t) => {
  for (const format of ['NVFP4', 'MXFP4'] as const) {
    for (const [tokens, inputs, outs] of shapes) {
      onEachIsa((isa) => {
        scope(() => {
          const x = draw('x', [tokens, inputs], 'bfloat16');
          const weights = outs.map((out, i) => draw(`w${i}`, [out, inputs], 'bfloat16'));
          const seeds = outs.map((out, i) => draw(`dy${i}`, [tokens, out], 'bfloat16'));
          const got = all(group(x, weights, seeds, format));
          for (const [i, exact] of byCodes(x, weights, seeds, format).entries()) {
            // Rounded once to bfloat16; sums in float32 before.
            const gap = distance(got[i] as Tensor, exact) / largest(exact);
            t.true(gap < 2 ** -8 + 1e-5, `${format} ${tokens}x${inputs} ${isa} ${i}: ${gap}`);
          }
        });
      });
    }
  }
});

test('gradients are right on average: of the weight that the forward saw', (t) => {
  const times = 400;
  for (const format of ['NVFP4', 'MXFP4'] as const) {
    scope(() => {
      const [x, w, dy] = [
        draw('x', [48, 32], 'float32'),
        draw('w', [24, 32], 'float32'),
        draw('dy', [48, 24], 'float32'),
      ];
      const qw = first(numbers(quantize(w, format, { square: format === 'NVFP4' })), 32);
      const qx = format === 'MXFP4' ? first(numbers(quantize(x, format)), 32) : null;
      const [h] = quantize(wide(x), format, { columns: true, signs });
      const rounded = numbers(quantize(x, format, { columns: true, signs }));
      const [e] = quantize(wide(dy), format, { columns: true, signs });
      t.true(distance(rounded, h) > 0);
      const expected = [
        ops.mm(wide(dy), qw),
        // NVFP4 rounds the rotated input of this product to nearest.
        qx === null ? ops.mm(e, ops.t(rounded)) : ops.mm(ops.t(wide(dy)), qx),
      ];
      const sums = expected.map((one) => ops.zerosLike(one));
      const squares = expected.map((one) => ops.zerosLike(one));
      for (let key = 0; key < times; key += 1) {
        scope(() => {
          const { gradients } = group(x, [w], [dy], format, { key: 1000 + key });
          for (const [i, one] of gradients.entries()) {
            ops.add_(sums[i] as Tensor, wide(one));
            ops.add_(squares[i] as Tensor, ops.square(ops.sub(wide(one), expected[i] as Tensor)));
          }
        });
      }
      for (const [i, exact] of expected.entries()) {
        const off = ops.sub(ops.divScalar(sums[i] as Tensor, times), exact);
        // Deviations of the mean, by those that were seen.
        const own = ops.sqrt(ops.divScalar(squares[i] as Tensor, times * times));
        const most = item(ops.amax(ops.div(ops.abs(off), own)));
        t.true(most < 5, `${format} ${i}: ${most} deviations`);
      }
    });
  }
});

test('zeros give zeros, and what is not finite gives nothing that is', (t) => {
  for (const format of ['NVFP4', 'MXFP4'] as const) {
    scope(() => {
      const [x, w] = [draw('x', [40, 24], 'bfloat16'), draw('w', [16, 24], 'bfloat16')];
      const zero = ops.zeros([40, 16], { dtype: 'bfloat16' });
      for (const gradient of group(x, [w], [zero], format).gradients) t.is(largest(gradient), 0);
      ops.fill_(ops.select(ops.select(zero, 0, 5), 0, 3), Number.POSITIVE_INFINITY);
      for (const gradient of group(x, [w], [zero], format).gradients) {
        t.false(Number.isFinite(item(ops.sum(gradient))), format);
      }
    });
  }
});
