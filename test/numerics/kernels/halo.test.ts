// The three products of HALO: exact where nothing is quantized, equal to the products of their
// codes where something is, and as much better with rotations as its specification says.
import test from 'ava';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { item, type Tensor, tensor, toBytes } from '../../../worker/tensor/tensor.ts';
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

interface Form {
  readonly level: number;
  readonly format: 0 | 1 | 2;
  readonly reuse?: boolean;
  readonly kind?: number;
  readonly block?: number;
}

const forms: readonly Form[] = [
  ...[0, 1, 2, 3].map((level) => ({ level, format: 0 }) as const),
  ...[1, 2].map((level) => ({ level, format: 0, reuse: false }) as const),
];

/** The layers by HALO: outputs, and gradients of x, the weights and the biases. */
function halo(
  x: Tensor,
  weights: readonly Tensor[],
  biases: readonly (Tensor | null)[],
  seeds: readonly Tensor[],
  { level, format, reuse = true, kind = 1, block = 1024 }: Form,
): Run {
  const codes = weights.map((w) => ops.quantizeRotated(w, format, level > 0 ? kind : 0));
  const there = biases.filter((bias) => bias !== null);
  return run(
    (input, ...rest) => {
      const moved = rest.slice(weights.length).values();
      return ops.haloLinearGroup(
        input as Tensor,
        rest.slice(0, weights.length),
        codes.map(([values]) => values),
        codes.map(([, scale]) => scale),
        biases.map((bias) => (bias === null ? null : (moved.next().value ?? null))),
        level,
        format,
        reuse,
        kind,
        block,
      );
    },
    [x, ...weights, ...there],
    seeds,
  );
}

function plain(
  x: Tensor,
  weights: readonly Tensor[],
  biases: readonly (Tensor | null)[],
  seeds: readonly Tensor[],
): Run {
  const there = biases.filter((bias) => bias !== null);
  return run(
    (input, ...rest) => {
      const moved = rest.slice(weights.length).values();
      return weights.map((_, i) =>
        ops.atenLinear(
          input as Tensor,
          rest[i] as Tensor,
          biases[i] === null ? null : (moved.next().value ?? null),
        ),
      );
    },
    [x, ...weights, ...there],
    seeds,
  );
}

const all = ({ outputs, gradients }: Run) => [...outputs, ...gradients];

test('without quantization every level and form is the plain products in float64', (t) => {
  for (const [tokens, inputs, sizes] of [
    [64, 48, [24, 8]],
    [37, 576, [20]],
    [1, 12, [5, 7, 3]],
    [300, 36, [16]],
    [257, 10, [6]],
  ] as const) {
    for (const form of forms) {
      for (const kind of [1, 2, 3]) {
        scope(() => {
          const x = draw('x', [tokens, inputs], 'float64');
          const weights = sizes.map((out, i) => draw(`w${i}`, [out, inputs], 'float64'));
          const biases = sizes.map((out, i) => (i === 0 ? draw('b', [out], 'float64') : null));
          const seeds = sizes.map((out, i) => draw(`dy${i}`, [tokens, out], 'float64'));
          const expected = all(plain(x, weights, biases, seeds));
          const got = all(halo(x, weights, biases, seeds, { ...form, kind, block: 64 }));
          for (const [i, one] of got.entries()) {
            const gap = distance(one, expected[i] as Tensor) / (1 + largest(expected[i] as Tensor));
            t.true(gap < 1e-13, `${JSON.stringify({ tokens, inputs, form, kind, i })}: ${gap}`);
          }
        });
      }
    }
  }
});

test('small whole numbers at powers of four come through bit for bit in float32', (t) => {
  const whole = (name: string, shape: readonly number[]) =>
    ops.round(draw(name, shape, 'float32', 2));
  for (const form of forms) {
    onEachIsa((isa) => {
      scope(() => {
        const [x, w, dy] = [whole('x', [64, 256]), whole('w', [16, 256]), whole('dy', [64, 16])];
        const got = all(halo(x, [w], [null], [dy], form));
        const expected = all(plain(x, [w], [null], [dy]));
        for (const [i, one] of got.entries()) {
          t.deepEqual(
            toBytes(one),
            toBytes(expected[i] as Tensor),
            `${isa} ${JSON.stringify(form)} ${i}`,
          );
        }
      });
    });
  }
});

/** What codes stand for. */
function numbers([codes, scale]: readonly [Tensor, Tensor]): Tensor {
  return ops.mul(wide(codes), wide(scale));
}

/** Tokens that are mixed together, by the rule of halo.h. */
function mixedTokens(tokens: number, most: number): number {
  const dividing = tokens & -tokens;
  const filled = Math.min(256, 2 ** Math.ceil(Math.log2(tokens)));
  return Math.min(most, dividing >= 32 ? dividing : filled);
}

/** y, dx and dw by the codes of x, weights and errors, in float64. */
function byCodes(
  x: Tensor,
  weights: readonly Tensor[],
  seeds: readonly Tensor[],
  { level, format, block = 64 }: Form,
): Tensor[] {
  const [tokens = 0] = x.shape;
  const mixed = mixedTokens(tokens, block);
  const back = (z: Tensor) => ops.rotateRows(z, 1, { transposed: true });
  const qx = numbers(ops.quantizeRotated(x, format, 1));
  const ofG = level === 3 ? numbers(ops.quantizeRotated(x, format, 1, mixed)) : qx;
  const qw = weights.map((w) => numbers(ops.quantizeRotated(w, format, 1)));
  const plain = seeds.map((dy) => numbers(ops.quantizeRotated(dy, format)));
  const turned = seeds.map((dy) => numbers(ops.quantizeRotated(dy, format, 0, mixed)));
  const parts = (level > 1 ? turned : plain).map((qe, i) => ops.mm(qe, qw[i] as Tensor));
  const sum = parts.reduce((a, b) => ops.add(a, b));
  const dx = back(level > 1 ? ops.rotateTokens(sum, mixed, tokens) : sum);
  const dws = (level === 3 ? turned : plain).map((qe) => back(ops.mm(ops.t(qe), ofG)));
  return [...qw.map((w) => ops.mm(qx, ops.t(w))), dx, ...dws];
}

test('products are those of the codes, each format, level, size and instruction set', (t) => {
  for (const format of [1, 2] as const) {
    for (const [tokens, inputs, outs] of [
      [64, 576, [96]],
      [33, 100, [70, 20]],
      [5, 64, [24]],
      [1, 1376, [17]],
      [160, 40, [1000]],
      [320, 96, [48, 16, 16]],
      [130, 1100, [33]],
      [1100, 576, [576, 192, 192]],
    ] as const) {
      for (const level of [1, 2, 3]) {
        onEachIsa((isa) => {
          scope(() => {
            const x = draw('x', [tokens, inputs], 'bfloat16');
            const weights = outs.map((out, i) => draw(`w${i}`, [out, inputs], 'bfloat16'));
            const seeds = outs.map((out, i) => draw(`dy${i}`, [tokens, out], 'bfloat16'));
            const form = { level, format, block: 64 } as const;
            const got = all(
              halo(
                x,
                weights,
                weights.map(() => null),
                seeds,
                form,
              ),
            );
            for (const [i, exact] of byCodes(x, weights, seeds, form).entries()) {
              // Rounded once to bfloat16; sums in float32 before.
              const gap = distance(got[i] as Tensor, exact) / largest(exact);
              t.true(
                gap < 2 ** -8 + 1e-5,
                `${format} ${level} ${tokens}x${inputs}x${outs} ${isa} ${i}: ${gap}`,
              );
            }
          });
        });
      }
    }
  }
});

test('in float32 products of whole numbers are exact but for the scale, and long ones within float32', (t) => {
  for (const [tokens, inputs, out] of [
    [40, 960, 24],
    [40, 4000, 24],
  ] as const) {
    scope(() => {
      const x = draw('x', [tokens, inputs], 'float32');
      const w = draw('w', [out, inputs], 'float32');
      const qx = ops.quantizeRotated(x, 1);
      const qw = ops.quantizeRotated(w, 1);
      const exact = ops.mm(numbers(qx), ops.t(numbers(qw)));
      onEachIsa((isa) => {
        const [y] = ops.haloLinearGroup(x, [w], [qw[0]], [qw[1]], [null], 0, 1, true, 1, 64);
        const gap = distance(y as Tensor, exact) / largest(exact);
        t.true(gap < 4e-7, `${inputs} ${isa}: ${gap}`);
      });
    });
  }
});

const relative = (got: Tensor, exact: Tensor) =>
  item(ops.linalgVectorNorm(ops.sub(wide(got), exact))) / item(ops.linalgVectorNorm(exact));

/**
 * Relative errors of the three products with outliers: 6 channels of x and 6 tokens of dy, 50 times
 * as large.
 */
function errors(form: Form, compensated = false): readonly number[] {
  return scope(() => {
    const [tokens, inputs, out] = [512, 1024, 1024];
    const hot = (count: number, factor: number) =>
      tensor(
        Array.from({ length: count }, (_, i) => (i % Math.ceil(count / 6) === 7 ? factor : 1)),
        [count],
        'float32',
      );
    const x = ops.mul(draw('x', [tokens, inputs], 'float32'), hot(inputs, 50));
    const w0 = draw('w', [out, inputs], 'float32');
    const w = compensated ? ops.mul(w0, hot(inputs, 1 / 50)) : w0;
    const dy = ops.mul(draw('dy', [tokens, out], 'float32'), ops.unsqueeze(hot(tokens, 50), 1));
    const got = halo(x, [w], [null], [dy], form);
    const exact = [
      ops.mm(wide(x), ops.t(wide(w))),
      ops.mm(wide(dy), wide(w)),
      ops.mm(ops.t(wide(dy)), wide(x)),
    ];
    return all(got).map((one, i) => relative(one, exact[i] as Tensor));
  });
}

test('rotations take what outliers cost: F and E by more than four times, level 3 G too', (t) => {
  const [F0 = 0, E0 = 0] = errors({ level: 0, format: 1 });
  const [F1 = 1, E1 = 1] = errors({ level: 1, format: 1 });
  const [F2 = 1, E2 = 1, G2 = 1] = errors({ level: 2, format: 1 });
  const [, E3 = 1, G3 = 1] = errors({ level: 3, format: 1 });
  const told = { F0, E0, F1, E1, F2, E2, G2, E3, G3 };
  t.true(F0 > 4 * F1, JSON.stringify(told));
  t.is(F1, F2);
  t.true(E0 > 4 * E2 && E1 > 4 * E2, JSON.stringify(told));
  t.is(E2, E3);
  t.true(G2 > 4 * G3, JSON.stringify(told));
  t.log(told);
});

test('whole numbers gain by a rotation where weights make up for channels; e4m3 loses, so its level is 0', (t) => {
  const [int0 = 0] = errors({ level: 0, format: 1 }, true);
  const [int1 = 1] = errors({ level: 1, format: 1 }, true);
  t.true(int0 > 4 * int1, `${int0} ${int1}`);
  const [fp0 = 1] = errors({ level: 0, format: 2 }, true);
  const [fp1 = 0] = errors({ level: 1, format: 2 }, true);
  t.true(fp1 > 2 * fp0, `${fp0} ${fp1}`);
  const level0 = errors({ level: 0, format: 2 });
  for (const [i, share] of level0.entries()) t.true(share < 0.045, `e4m3 ${i}: ${share}`);
});

test('an error of zeros gives gradients of zeros, and one that is not finite gives none that is', (t) => {
  for (const level of [0, 1, 2, 3]) {
    for (const format of [1, 2] as const) {
      scope(() => {
        const [x, w] = [draw('x', [40, 24], 'bfloat16'), draw('w', [16, 24], 'bfloat16')];
        const zero = ops.zeros([40, 16], { dtype: 'bfloat16' });
        const none = halo(x, [w], [null], [zero], { level, format });
        for (const gradient of none.gradients) t.is(largest(gradient), 0);
        ops.fill_(ops.select(ops.select(zero, 0, 5), 0, 3), Number.POSITIVE_INFINITY);
        const lost = halo(x, [w], [null], [zero], { level, format });
        for (const gradient of lost.gradients) {
          t.is(item(ops.sum(ops.to(ops.isfinite(gradient), 'int64'))), 0);
        }
      });
    }
  }
});

test('the same bits for any number of threads, and for layers one by one where that is the same sum', (t) => {
  const made = bytesByThreads([1, 2, 3], () => {
    const x = draw('x', [130, 576], 'bfloat16');
    const weights = [draw('q', [96, 576], 'bfloat16'), draw('k', [32, 576], 'bfloat16')];
    const seeds = [draw('dq', [130, 96], 'bfloat16'), draw('dk', [130, 32], 'bfloat16')];
    return halo(x, weights, [null, null], seeds, { level: 2, format: 1 });
  });
  for (const bytes of made) t.deepEqual(bytes, made[0]);
});
