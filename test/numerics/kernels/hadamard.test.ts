// Rotations against their matrices in float64, and codes of rotated values against their definition
// in operators of libtorch.
import test from 'ava';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { item, type Tensor, tensor, toArray, toBytes } from '../../../worker/tensor/tensor.ts';
import { setThreads, threads } from '../../../worker/tensor/threads.ts';
import { testOfProcessor } from '../../builders/test-of-processor.ts';
import { arithmeticEpsilon, distance, draw, largest, onEachIsa, storedError } from './compare.ts';

const kinds = { hartley: 1, paley: 2, blocks: 3 } as const;
const formats = { int8: 1, e4m3: 2 } as const;

function oddPart(n: number): number {
  return n % 2 === 0 ? oddPart(n / 2) : n;
}

/** Entry (i, j) of the Walsh-Hadamard matrix in natural order. */
function walsh(i: number, j: number): number {
  let common = i & j;
  let sign = 1;
  for (; common > 0; common &= common - 1) sign = -sign;
  return sign;
}

/** (S (x) V) / sqrt(n) by its definition, with S of Hartley, or S = I. */
function matrix(n: number, kind: 'hartley' | 'blocks'): Tensor {
  const outer = oddPart(n);
  const inner = n / outer;
  const values: number[] = [];
  for (let i = 0; i < n; i += 1) {
    for (let j = 0; j < n; j += 1) {
      const [a, b] = [Math.floor(i / inner), Math.floor(j / inner)];
      const angle = (2 * Math.PI * ((a * b) % outer)) / outer;
      const mixed = kind === 'hartley' ? Math.cos(angle) + Math.sin(angle) : Number(a === b);
      values.push(mixed * walsh(i % inner, j % inner));
    }
  }
  const size = kind === 'hartley' ? n : inner;
  return ops.divScalar(tensor(values, [n, n], 'float64'), Math.sqrt(size));
}

function identity(n: number): Tensor {
  return ops.eye(n, { dtype: 'float64' });
}

test('rows are rotated by the matrix of the definition, each width and kind', (t) => {
  const odd = [11, 13, 15, 17, 19, 21, 23, 35].map((order) => 16 * order);
  for (const n of [1, 2, 3, 5, 8, 12, 20, 36, 44, 48, 60, 64, 96, 144, 172, 576, ...odd]) {
    for (const kind of ['hartley', 'blocks'] as const) {
      scope(() => {
        const gap = distance(ops.rotateRows(identity(n), kinds[kind]), matrix(n, kind));
        t.true(gap < 1e-14, `${n} ${kind}: ${gap}`);
      });
    }
  }
});

test('every kind is orthogonal, and the transposed is the way back', (t) => {
  const widths = [
    1, 2, 3, 5, 12, 20, 28, 36, 40, 44, 60, 64, 76, 96, 140, 172, 576, 896, 1376, 1536,
  ];
  for (const n of widths) {
    for (const kind of Object.values(kinds)) {
      scope(() => {
        const h = ops.rotateRows(identity(n), kind);
        const gap = distance(ops.mm(h, ops.t(h)), identity(n));
        t.true(gap < 1e-12, `${n} ${kind}: ${gap}`);
        const back = ops.rotateRows(h, kind, { transposed: true });
        t.true(distance(back, identity(n)) < 1e-12, `${n} ${kind} back`);
      });
    }
  }
  for (const n of [4864, 11008, 18944]) {
    scope(() => {
      const x = draw('x', [2, n], 'float64');
      const y = ops.rotateRows(x, kinds.hartley);
      t.true(distance(ops.rotateRows(y, kinds.hartley, { transposed: true }), x) < 1e-12, `${n}`);
      const length = (z: Tensor) => item(ops.linalgVectorNorm(z));
      t.true(Math.abs(length(y) / length(x) - 1) < 1e-12, `${n} keeps lengths`);
    });
  }
});

test('rows longer than the shared memory of a GPU are rotated too', (t) => {
  // 112 KiB, which is the input of a down projection of 70B, and 256 KiB, which no GPU has.
  for (const [n, dtype, near] of [
    [28_672, 'float32', 1e-4],
    [32_768, 'float64', 1e-12],
  ] as const) {
    scope(() => {
      const x = draw('x', [3, n], dtype);
      onEachIsa((isa) => {
        const y = ops.rotateRows(x, kinds.hartley);
        const back = ops.rotateRows(y, kinds.hartley, { transposed: true });
        t.true(distance(back, x) < near, `${n} ${isa}`);
        const length = (z: Tensor) => item(ops.linalgVectorNorm(ops.to(z, 'float64')));
        t.true(Math.abs(length(y) / length(x) - 1) < near, `${n} ${isa} keeps lengths`);
        t.true(distance(y, x) > 1, `${n} ${isa} is rotated`);
      });
    });
  }
});

test('Paley matrices have entries of one magnitude; those of Hartley are at most sqrt 2 above it', (t) => {
  for (const n of [12, 20, 28, 36, 40, 44, 60, 576, 1536, 5120]) {
    scope(() => {
      const hot = ops.narrow(ops.eye(n, { dtype: 'float64' }), 0, 1, 1);
      const paley = largest(ops.rotateRows(hot, kinds.paley)) * Math.sqrt(n);
      t.true(Math.abs(paley - 1) < 1e-12, `${n}: ${paley}`);
      const hartley = largest(ops.rotateRows(hot, kinds.hartley)) * Math.sqrt(n);
      t.true(hartley < Math.SQRT2 + 1e-12, `${n}: ${hartley}`);
    });
  }
});

test('every width to 4,096 is rotated, or refused with a sentence', (t) => {
  let refused = 0;
  for (let n = 1; n <= 4096; n += 1) {
    scope(() => {
      const x = ops.ones([1, n], { dtype: 'float32' });
      t.true(Number.isFinite(largest(ops.rotateRows(x, kinds.blocks))));
      if (oddPart(n) <= 1024) return;
      refused += 1;
      const { message } = t.throws(() => ops.rotateRows(x, kinds.hartley)) as Error;
      t.regex(message, /odd part of \d+; a rotation mixes at most 1024/);
    });
  }
  t.true(refused > 0);
});

test('float32 and bfloat16 are within their rounding, on each instruction set', (t) => {
  const odd = [11, 13, 15, 17, 19, 21, 23, 35].map((order) => 32 * order);
  for (const n of [24, 48, 172, 512, 576, 1376, 1536, ...odd]) {
    for (const kind of Object.values(kinds)) {
      for (const dtype of ['float32', 'bfloat16'] as const) {
        scope(() => {
          const x = draw('x', [7, n], dtype);
          const exact = ops.rotateRows(ops.to(x, 'float64'), kind);
          // The sum of log2 n stages and at most 64 parts, of values of size 4.
          const allowed = 4 * (10 * 16 * arithmeticEpsilon(dtype) + storedError(dtype));
          onEachIsa((isa) => {
            const gap = distance(ops.rotateRows(x, kind), exact);
            t.true(gap < allowed, `${n} ${kind} ${dtype} ${isa}: ${gap} of ${allowed}`);
          });
        });
      }
    }
  }
});

testOfProcessor(
  'results that no cache holds are written past them, with the same bits',
  (t) => {
    for (const n of [576, 1024]) {
      scope(() => {
        // 17 MiB, and each half of it.
        const half = Math.ceil((17 * 2 ** 20) / 2 / 2 / n);
        const x = draw('x', [2 * half, n], 'bfloat16');
        const parts = [0, half].map((at) => ops.narrow(x, 0, at, half));
        onEachIsa((isa) => {
          const expected = ops.cat(
            parts.map((part) => ops.rotateRows(part, kinds.hartley)),
            0,
          );
          t.is(distance(ops.rotateRows(x, kinds.hartley), expected), 0, `${n} ${isa}`);
        });
      });
    }
  },
  'it writes past no cache',
);

test('tokens are rotated as columns are, in blocks, and what is not there counts as zero', (t) => {
  for (const [rows, columns, block] of [
    [8, 3, 8],
    [96, 70, 32],
    [33, 17, 64],
    [300, 40, 256],
    [1, 5, 1],
  ] as const) {
    scope(() => {
      const x = draw('x', [rows, columns], 'float64');
      const filled = Math.ceil(rows / block) * block;
      const padded = ops.cat([x, ops.zeros([filled - rows, columns], { dtype: 'float64' })], 0);
      const columnwise = ops.view(ops.contiguous(ops.t(padded)), [-1, block]);
      const turned = ops.rotateRows(columnwise, kinds.hartley);
      const expected = ops.t(ops.view(turned, [columns, filled]));
      const y = ops.rotateTokens(x, block, filled);
      t.true(distance(y, expected) < 1e-13, `${rows} ${columns} ${block}`);
      t.true(distance(ops.rotateTokens(y, block, rows), x) < 1e-13, 'and back');
      onEachIsa((isa) => {
        const gap = distance(ops.rotateTokens(ops.to(x, 'float32'), block, filled), expected);
        t.true(gap < 1e-5, `${isa}: ${gap}`);
      });
    });
  }
});

/** Codes by the definition, of values that were rotated in float32. */
function codesOf(y: Tensor, format: keyof typeof formats) {
  const most = ops.clamp(ops.amax(ops.abs(y)), 1e-12);
  const scale = ops.divScalar(most, format === 'int8' ? 127 : 448);
  const shares = ops.mul(y, ops.reciprocal(scale));
  const codes =
    format === 'int8'
      ? ops.to(ops.round(shares), 'int8')
      : ops.to(ops.clamp(shares, -448, 448), 'float8_e4m3fn');
  return { codes, scale };
}

test('codes and scales are those of the definition, bit for bit', (t) => {
  const before = threads();
  for (const format of Object.keys(formats) as (keyof typeof formats)[]) {
    for (const [rows, columns, kind, block] of [
      [5, 40, 0, 0],
      [64, 576, 1, 0],
      [33, 96, 2, 0],
      [96, 72, 0, 32],
      [70, 24, 0, 64],
      [64, 48, 1, 64],
    ] as const) {
      for (const dtype of ['float32', 'bfloat16'] as const) {
        onEachIsa((isa) => {
          scope(() => {
            const spread = ops.exp(draw('rows', [rows, 1], 'float32', 2));
            const x = ops.to(ops.mul(draw('x', [rows, columns], 'float32'), spread), dtype);
            const filled = block > 0 ? Math.ceil(rows / block) * block : rows;
            const turned = ops.rotateRows(x, kind, { dtype: 'float32' });
            const y = block > 0 ? ops.rotateTokens(turned, block, filled) : turned;
            const expected = codesOf(y, format);
            for (const count of [1, 3]) {
              setThreads(count);
              const [codes, scale] = ops.quantizeRotated(x, formats[format], kind, block);
              const title = `${format} ${rows}x${columns} ${kind} ${block} ${dtype} ${isa}`;
              t.is(item(scale), item(expected.scale), title);
              t.deepEqual(toBytes(codes), toBytes(expected.codes), title);
            }
          });
        });
      }
    }
  }
  setThreads(before);
});

test('an empty signal has codes of zero, and what is not finite a scale that is not a number', (t) => {
  onEachIsa(() => {
    for (const format of Object.values(formats)) {
      scope(() => {
        const zero = ops.zeros([32, 48], { dtype: 'bfloat16' });
        const [codes, scale] = ops.quantizeRotated(zero, format, kinds.hartley);
        t.is(largest(ops.to(codes, 'float32')), 0);
        t.true(item(scale) > 0 && Number.isFinite(item(scale)));
        for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
          for (const [kind, block] of [
            [0, 0],
            [1, 0],
            [0, 32],
          ] as const) {
            const x = ops.ones([32, 48], { dtype: 'float32' });
            ops.fill_(ops.select(ops.select(x, 0, 3), 0, 47), bad);
            const [, lost] = ops.quantizeRotated(x, format, kind, block);
            t.true(Number.isNaN(item(lost)), `${bad} ${kind} ${block}`);
          }
        }
      });
    }
  });
});

test('e4m3 takes its largest value, and no larger one becomes NaN', (t) => {
  onEachIsa((isa) => {
    scope(() => {
      const x = tensor([3, -3, 1.5, 3 / 448, 0.001, 0, 2.9, -1e-9], [1, 8], 'float32');
      const [codes, scale] = ops.quantizeRotated(x, formats.e4m3);
      const back = toArray(ops.mul(ops.to(codes, 'float32'), scale));
      t.is(back[0], 3, isa);
      t.is(back[1], -3, isa);
      t.true(back.every(Number.isFinite), isa);
    });
  });
});

test('a scale of two times the signal is two times the scale, and the codes are the same', (t) => {
  scope(() => {
    const x = draw('x', [40, 96], 'float32');
    for (const format of Object.values(formats)) {
      const [codes, scale] = ops.quantizeRotated(x, format, kinds.hartley);
      for (const power of [-20, 3, 17]) {
        const [same, scaled] = ops.quantizeRotated(ops.mulScalar(x, 2 ** power), format, 1);
        t.deepEqual(toBytes(same), toBytes(codes));
        t.is(item(scaled), item(scale) * 2 ** power);
      }
    }
  });
});

test('wrong use is refused with thing, value and rule', (t) => {
  scope(() => {
    const x = draw('x', [4, 8], 'float32');
    t.throws(() => ops.rotateTokens(x, 48, 48), { message: /block is 48; it must be a power/ });
    t.throws(() => ops.rotateRows(x, 9), { message: /kind is 9; it must be/ });
    t.throws(() => ops.quantizeRotated(x, 7), { message: /format is 7; it must be/ });
    const exact = draw('x', [4, 8], 'float64');
    t.throws(() => ops.quantizeRotated(exact, 1), { message: /float64, which is not quantized/ });
  });
});
