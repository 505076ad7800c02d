// Codes of groups with a scale and a zero: against the rule in operators of libtorch, bit by bit,
// and their chance against Philox in JavaScript.
import test from 'ava';
import fc from 'fast-check';
import {
  type Coded,
  changeStochastically_,
  codeNearest,
  decode,
  decodeHalves,
  groupOf,
  packHalves,
  quantizeStochastically_,
} from '../../../worker/methods/weights/affine-groups.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { philox4x32 } from '../../../worker/tensor/philox.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { streamOf } from '../../../worker/tensor/streams.ts';
import { type Tensor, tensor, toArray, toBytes } from '../../../worker/tensor/tensor.ts';
import { bytesByThreads, distance, draw, onEachIsa } from './compare.ts';

interface Case {
  readonly rows: number;
  readonly columns: number;
  readonly bits: 4 | 8;
  /** Distance of the mean of all numbers from zero, in deviations. */
  readonly mean: number;
}

const anyCase: fc.Arbitrary<Case> = fc.record({
  rows: fc.integer({ min: 1, max: 40 }),
  columns: fc.constantFrom(1, 5, 16, 63, 64, 100, 192, 256, 257, 320, 576, 768),
  bits: fc.constantFrom(4, 8),
  mean: fc.constantFrom(0, 3, -3, 100),
});

const numbers = ({ rows, columns, mean }: Case): Tensor =>
  ops.addScalar(draw('numbers', [rows, columns], 'float32', 0.02), 0.02 * mean);

const { key } = streamOf(1, 'affine-groups.test');

/**
 * The rule; `lift [rows, columns]` is what makes a whole number of a place when the rest is cut
 * off.
 */
function defined(x: Tensor, bits: number, lift: Tensor): Coded {
  const [rows = 1, columns = 1] = x.shape;
  const size = groupOf(columns);
  const groups = ops.view(x, [rows, columns / size, size]);
  const low = ops.clamp(ops.amin(groups, [-1], true), null, 0);
  const high = ops.clamp(ops.amax(groups, [-1], true), 0);
  const scales = ops.clamp(ops.divScalar(ops.sub(high, low), 2 ** bits - 2), 1e-12);
  const zeros = ops.ceil(ops.div(ops.neg(low), scales));
  const places = ops.add(ops.add(ops.div(groups, scales), zeros), ops.view(lift, groups.shape));
  const codes = ops.to(ops.clamp(places, 0, 2 ** bits - 1), 'uint8');
  const perGroup = [rows, columns / size];
  return {
    codes: ops.view(codes, x.shape),
    scales: ops.view(scales, perGroup),
    zeros: ops.to(ops.view(zeros, perGroup), 'uint8'),
  };
}

function definedBack({ codes, scales, zeros }: Coded): Tensor {
  const [rows = 1, groups = 1] = scales.shape;
  const values = ops.view(ops.to(codes, 'float32'), [rows, groups, -1]);
  const away = ops.sub(values, ops.unsqueeze(zeros, -1));
  return ops.view(ops.mul(away, ops.unsqueeze(scales, -1)), codes.shape);
}

/** What chance adds, from the generator in JavaScript. */
function chance({ rows, columns }: Case): Tensor {
  const size = groupOf(columns);
  const words = [Number(BigInt.asUintN(32, key)), Number(BigInt.asUintN(32, key >> 32n))] as const;
  const lift = Array.from({ length: rows * columns }, (_, at) => {
    const [group, i] = [Math.floor(at / size), at % size];
    const word = philox4x32([32 * group + (i >> 3), 0, 4, 0], words)[(i % 8) >> 1] ?? Number.NaN;
    return ((i % 2 === 1 ? word >>> 16 : word & 0xffff) + 0.5) / 2 ** 16;
  });
  return tensor(lift, [rows, columns], 'float32');
}

const same = (a: Coded, b: Coded): boolean =>
  (['codes', 'scales', 'zeros'] as const).every((part) =>
    Buffer.from(toBytes(a[part])).equals(toBytes(b[part])),
  );

test.serial('codes to nearest and stochastically are those of the rule, bit by bit', (t) => {
  onEachIsa((isa) => {
    fc.assert(
      fc.property(anyCase, (each) =>
        scope(() => {
          const x = numbers(each);
          const half = ops.full(x.shape, 0.5);
          const nearest = codeNearest(x, each.bits);
          const isNearest = same(nearest, defined(x, each.bits, half));
          quantizeStochastically_(nearest, x, each.bits, { key });
          return isNearest && same(nearest, defined(x, each.bits, chance(each)));
        }),
      ),
      { numRuns: 60 },
    );
    t.log(isa);
  });
  t.pass();
});

test.serial(
  'what codes stand for is the rule in both types, from whole bytes and from halves',
  (t) => {
    onEachIsa(() => {
      fc.assert(
        fc.property(anyCase, (each) =>
          scope(() => {
            const coded = codeNearest(numbers(each), each.bits);
            const expected = definedBack(coded);
            const rounded = ops.to(expected, 'bfloat16');
            const isWhole =
              distance(decode(coded, 'float32'), expected) === 0 &&
              distance(decode(coded, 'bfloat16'), rounded) === 0;
            if (each.bits === 8) return isWhole;
            const packed = { ...coded, codes: packHalves(coded.codes) };
            return (
              isWhole &&
              distance(decodeHalves(packed, each.columns, 'float32'), expected) === 0 &&
              distance(decodeHalves(packed, each.columns, 'bfloat16'), rounded) === 0
            );
          }),
        ),
        { numRuns: 40 },
      );
    });
    t.pass();
  },
);

/** Whole numbers from -2 to 2, times 2^-8: sums of their products are exact. */
const whole = (name: string, shape: readonly number[], dtype: 'float32' | 'bfloat16'): Tensor =>
  ops.to(
    ops.mulScalar(ops.clamp_(ops.round(draw(name, shape, 'float32', 1)), -2, 2), 2 ** -8),
    dtype,
  );

test.serial('a product is added to codes as to what they stand for, bit by bit', (t) => {
  for (const [rows, rank, columns] of [
    [1, 1, 1],
    [5, 3, 100],
    [130, 40, 257],
    [70, 300, 960],
    [576, 144, 1536],
  ] as const) {
    for (const dtype of ['float32', 'bfloat16'] as const) {
      scope(() => {
        const before = codeNearest(draw('w', [rows, columns], 'float32', 0.02), 8);
        const [left, right] = [
          whole('left', [rows, rank], dtype),
          ops.t(whole('right', [columns, rank], dtype)),
        ];
        const [alpha, kept] = [0.25, 0.9];
        const product = ops.mm(ops.to(left, 'float64'), ops.to(right, 'float64'));
        const sum = ops.add(
          decode(before, 'float32'),
          ops.to(ops.mulScalar(product, alpha), 'float32'),
        );
        const expected = codeNearest(sum, 8);
        quantizeStochastically_(expected, ops.mulScalar(sum, kept), 8, { key });
        onEachIsa((isa) => {
          const coded = {
            codes: ops.clone(before.codes),
            scales: ops.clone(before.scales),
            zeros: ops.clone(before.zeros),
          };
          changeStochastically_(coded, { left, right, alpha, kept }, { key });
          const name = `${rows} x ${columns}, rank ${rank}, ${dtype}, ${isa}`;
          t.deepEqual(toBytes(coded.codes), toBytes(expected.codes), name);
          t.deepEqual(toBytes(coded.scales), toBytes(expected.scales), name);
          t.deepEqual(toBytes(coded.zeros), toBytes(expected.zeros), name);
        });
      });
    }
  }
});

test.serial('the number of threads changes no bit', (t) => {
  scope(() => {
    const x = draw('numbers', [300, 576], 'float32', 0.02);
    const [left, right] = [draw('left', [300, 40], 'float32'), draw('right', [40, 576], 'float32')];
    const [one, two] = bytesByThreads([1, 2], () => {
      const coded = codeNearest(x, 8);
      quantizeStochastically_(coded, x, 8, { key });
      changeStochastically_(coded, { left, right, alpha: 1e-3, kept: 1 }, { key });
      return {
        outputs: [coded.codes, coded.scales, coded.zeros, decode(coded, 'float32')],
        gradients: [],
      };
    });
    t.deepEqual(one, two);
  });
});

test('a group with a number that is none comes back as none, and its neighbours as they are', (t) => {
  scope(() => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      const x = tensor([1, bad, 3, ...Array.from({ length: 9 }, (_, i) => i)], [2, 6], 'float32');
      const back = toArray(decode(codeNearest(x, 8), 'float32'));
      t.true(back.slice(0, 6).every(Number.isNaN), `${bad}: ${back}`);
      t.true(back.slice(6).every(Number.isFinite), `${bad}: ${back}`);
    }
  });
});

test('what does not fit together is told', (t) => {
  scope(() => {
    const x = draw('numbers', [4, 64], 'float32');
    const { codes, scales, zeros } = codeNearest(x, 8);
    const twice = ops.empty([4, 2], { dtype: 'float32' });
    t.throws(() => ops.affineCode_(codes, twice, zeros, x, 8), {
      message: /zeros is .*; it must be/,
    });
    t.throws(() => ops.affineCode_(codes, scales, zeros, x, 5), {
      message: /bits is 5; it must be 4 or 8/,
    });
    t.throws(() => ops.affineCode_(codes, scales, zeros, ops.to(x, 'float64'), 8), {
      message: /x is Double .*; it must be contiguous float32/,
    });
    t.throws(() => ops.affineDecode(codes, scales, zeros, 65, false, { dtype: 'float32' }), {
      message: /codes has 256 bytes; 4 rows of 65 values need 260/,
    });
    t.throws(() => ops.affineDecode(codes, scales, zeros, 64, false, { dtype: 'float64' }), {
      message: /dtype is Double; it must be float32 or bfloat16/,
    });
    const add = (left: Tensor, right: Tensor) =>
      ops.affineAddProduct_(codes, scales, zeros, left, right, 1, 1, key);
    const [left, right] = [draw('left', [4, 3], 'float32'), draw('right', [3, 64], 'float32')];
    t.throws(() => add(left, ops.narrow(right, 1, 0, 63)), {
      message: /right \[3, 63\]; their product must have that of codes, \[4, 64\]/,
    });
    t.throws(() => add(left, ops.to(right, 'bfloat16')), {
      message: /both must be float32, or both bfloat16/,
    });
  });
});
