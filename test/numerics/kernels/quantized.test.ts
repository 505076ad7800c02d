// Frozen weights in 8, 4, 3 and 2 bits: what is stored, against its definition in operators of
// libtorch, and products that read it, against the same products of the values that it stands for.
import test from 'ava';
import fc from 'fast-check';
import { unpackRows } from '../../../worker/methods/weights/packed-integers.ts';
import { formats } from '../../../worker/methods/weights/weight-store.ts';
import { grad, leaf, withTape } from '../../../worker/tensor/autograd.ts';
import { type DType, dtypeEpsilon } from '../../../worker/tensor/dtype.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { type Tensor, tensor, toArray, toBytes } from '../../../worker/tensor/tensor.ts';
import { testOfProcessor } from '../../builders/test-of-processor.ts';
import { bytesByThreads, distance, draw, largest, onEachIsa, run } from './compare.ts';

const groups = [32, 64, 128] as const;
type Format = keyof typeof formats;
const allFormats = Object.keys(formats) as readonly Format[];

interface Form {
  readonly format: Format;
  readonly group: number;
  readonly symmetric?: boolean;
}
const anyForm: fc.Arbitrary<Form> = fc.oneof(
  fc.record({
    format: fc.constantFrom(...allFormats),
    group: fc.constantFrom(...groups),
  }),
  fc.constant<Form>({ format: 'Int8', group: 0 }),
  fc.record({
    format: fc.constantFrom<Format>('Int4', 'Int3', 'Int2'),
    group: fc.constantFrom(...groups),
    symmetric: fc.constant(true),
  }),
);

function quantized(weight: Tensor, { format, group, symmetric = false }: Form): Tensor {
  return ops.quantizeWeight(weight, formats[format], group, symmetric);
}

const values = (weight: Tensor, dtype: DType = 'float32') =>
  ops.dequantizeWeight(weight, { dtype });

/** A matrix with some rows far larger than others, and a group of zeros. */
function matrix(rows: number, columns: number, dtype: DType): Tensor {
  const spread = ops.exp(draw('rows', [rows, 1], 'float32', 2));
  const w = ops.mul(draw('w', [rows, columns], 'float32'), spread);
  if (rows > 0 && columns >= 32) ops.zero_(ops.narrow(ops.select(w, 0, 0), 0, 0, 32));
  return ops.to(w, dtype);
}

/** [rows, columns] → [rows * groups, values of a group]. */
function grouped(w: Tensor, group: number): Tensor {
  return ops.view(ops.to(w, 'float32'), [-1, group === 0 ? (w.shape[1] ?? 0) : group]);
}

const nf4Table = [
  ...[-1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635],
  ...[-0.18477343022823334, -0.09105003625154495, 0, 0.07958029955625534, 0.16093020141124725],
  ...[0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941],
  ...[0.7229568362236023, 1],
];

test('the table of NF4 is the normalised quantiles of a normal distribution', (t) => {
  // Phi^-1 at eight places above one half and seven below, outermost 0.9677083, divided by the
  // largest; by erfinv of libtorch.
  scope(() => {
    const outermost = 0.9677083;
    const place = (count: number, index: number) => outermost + ((0.5 - outermost) * index) / count;
    const positive = Array.from({ length: 8 }, (_, i) => place(8, i));
    const negative = Array.from({ length: 7 }, (_, i) => 1 - place(7, i));
    const places = tensor([...negative, ...positive], [15], 'float64');
    const quantiles = ops.erfinv(ops.subScalar(ops.mulScalar(places, 2), 1));
    const all = [...toArray(quantiles), 0].sort((a, b) => a - b);
    const most = Math.max(...all);
    all.forEach((q, i) => {
      t.true(Math.abs(q / most - (nf4Table[i] ?? 9)) < 2e-7, `${i}: ${q / most}`);
    });
  });
});

/** Both halves of each byte, the first value in the high one: [rows, columns]. */
function unpacked(codes: Tensor): Tensor {
  const wide = ops.to(codes, 'int32');
  const high = ops.divScalarMode(wide, 16, { roundingMode: 'floor' });
  const low = ops.sub(wide, ops.mulScalar(high, 16));
  return ops.reshape(ops.stack([high, low], -1), [codes.shape[0] ?? 0, -1]);
}

test('NF4 codes are the nearest values of the table, and stand for that value times the largest of the block', (t) => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 1, max: 5 }),
      fc.constantFrom(...groups),
      fc.constantFrom<DType>('float32', 'bfloat16'),
      (rows, blocks, group, dtype) =>
        scope(() => {
          const w = matrix(rows, blocks * group, dtype);
          const stored = quantized(w, { format: 'NF4', group });
          const [codes, absmax] = ops.quantizedParts(stored) as [Tensor, Tensor];
          const found = ops.view(unpacked(codes), [-1, group]);
          const largestOf = ops.amax(ops.abs(grouped(w, group)), [1], true);
          if (distance(ops.view(absmax, [-1, 1]), largestOf) !== 0) return false;
          const table = tensor(nf4Table, [16], 'float32');
          const picked = ops.view(
            ops.indexSelect(table, 0, ops.to(ops.view(found, [-1]), 'int64')),
            [-1, group],
          );
          const decoded = ops.mul(picked, largestOf);
          if (distance(grouped(values(stored), group), decoded) !== 0) return false;
          // No other value of the table is nearer by more than the roundings of the comparison.
          const target = ops.unsqueeze(ops.div(grouped(w, group), nonZero(largestOf)), -1);
          const nearest = ops.amin(ops.abs(ops.sub(target, table)), [-1]);
          const own = ops.abs(ops.sub(ops.squeeze(target, -1), picked));
          return largest(ops.sub(own, nearest)) <= 4 * dtypeEpsilon('float32');
        }),
    ),
    { numRuns: 40 },
  );
  t.pass();
});

function nonZero(x: Tensor): Tensor {
  return ops.where(ops.gtScalar(x, 0), x, ops.onesLike(x));
}

test('Int8 is the largest magnitude over 127, codes rounded to nearest', (t) => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 30 }),
      fc.constantFrom(0, 32, 64),
      fc.integer({ min: 1, max: 4 }),
      (rows, group, blocks) =>
        scope(() => {
          const columns = group === 0 ? 32 * blocks + 13 : group * blocks;
          const w = matrix(rows, columns, 'float32');
          const stored = quantized(w, { format: 'Int8', group });
          const [codes, absmax] = ops.quantizedParts(stored) as [Tensor, Tensor];
          const whole = grouped(w, group);
          const largestOf = ops.amax(ops.abs(whole), [1], true);
          const expected = ops.round(
            ops.mul(whole, ops.mulScalar(ops.reciprocal(nonZero(largestOf)), 127)),
          );
          const found = grouped(codes, group);
          const decoded = ops.mul(found, ops.mulScalar(largestOf, Math.fround(1 / 127)));
          return (
            distance(ops.view(absmax, [-1, 1]), largestOf) === 0 &&
            distance(found, expected) === 0 &&
            distance(grouped(values(stored), group), decoded) === 0
          );
        }),
    ),
    { numRuns: 40 },
  );
  t.pass();
});

/** Four bits have the first value in the high half; fewer lie one after the other. */
function integersIn(codes: Tensor, bits: number): Tensor {
  if (bits === 4) return unpacked(codes);
  const [, bytes = 0] = codes.shape;
  return unpackRows(ops.viewDtype(codes, 'int32'), (bytes * 8) / bits, bits);
}

test('integers spend their codes from the smallest to the largest value, and keep 0', (t) => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 30 }),
      fc.constantFrom(...groups),
      fc.boolean(),
      fc.constantFrom(-3, 0, 3),
      fc.constantFrom<2 | 3 | 4>(2, 3, 4),
      (rows, group, symmetric, shift, bits) =>
        scope(() => {
          const w = ops.addScalar(matrix(rows, 2 * group, 'float32'), shift);
          const stored = quantized(w, { format: `Int${bits}`, group, symmetric });
          const [codes, step, zero] = ops.quantizedParts(stored) as [Tensor, Tensor, Tensor];
          const [s, z] = [step, zero].map((each) => ops.view(ops.to(each, 'float32'), [-1, 1]));
          const found = ops.to(ops.view(integersIn(codes, bits), [-1, group]), 'float32');
          const decoded = ops.mul(ops.sub(found, z!), s!);
          const gaps = ops.abs(ops.sub(grouped(w, group), decoded));
          const allowed = ops.mulScalar(s!, 0.5 * (1 + 16 * dtypeEpsilon('float32')));
          return (
            distance(grouped(values(stored), group), decoded) === 0 &&
            largest(ops.relu(ops.sub(gaps, allowed))) === 0 &&
            toArray(z!).every((each) =>
              symmetric ? each === 2 ** (bits - 1) : each >= 0 && each < 2 ** bits,
            )
          );
        }),
    ),
    { numRuns: 40 },
  );
  t.pass();
});

test('double quantisation moves a scale by less than a hundredth of the spread of 256, and changes no code', (t) => {
  scope(() => {
    const w = matrix(300, 576, 'float32');
    const plain = ops.quantizedParts(quantized(w, { format: 'NF4', group: 64 }));
    const double = ops.quantizedParts(quantized(w, { format: 'NF4Double', group: 64 }));
    const [codes, absmax] = plain as [Tensor, Tensor];
    const [sameCodes, scales, map, nested, offset] = double as [
      ...[Tensor, Tensor, Tensor, Tensor, Tensor],
    ];
    t.deepEqual(toBytes(sameCodes), toBytes(codes));
    t.is(nested.shape[0], Math.ceil((300 * 9) / 256));
    const flat = ops.view(absmax, [-1]);
    const index = ops.to(ops.view(scales, [-1]), 'int64');
    const spread = ops.narrow(ops.repeatInterleave(nested, 256, 0), 0, 0, flat.numel);
    const decoded = ops.add(ops.mul(ops.indexSelect(map, 0, index), spread), offset);
    const gaps = ops.abs(ops.sub(decoded, flat));
    t.true(largest(ops.relu(ops.sub(gaps, ops.mulScalar(spread, 0.01)))) === 0);
    t.true(largest(gaps) > 0);
    const stored = quantized(w, { format: 'NF4Double', group: 64 });
    const weights = ops.mul(
      ops.view(values(quantized(w, { format: 'NF4', group: 64 })), [-1, 64]),
      ops.view(ops.div(decoded, nonZero(flat)), [-1, 1]),
    );
    const found = ops.view(values(stored), [-1, 64]);
    t.true(distance(found, weights) <= 4 * dtypeEpsilon('float32') * largest(found));
  });
});

test('what lies on the grid stays as it is: codes of decoded weights are the same codes', (t) => {
  fc.assert(
    fc.property(anyForm, fc.integer({ min: 1, max: 20 }), (form, rows) =>
      scope(() => {
        // Scales that were rounded once more are other scales, and an asymmetric range need not be
        // fifteen steps.
        if (form.format === 'NF4Double') return true;
        if (/Int[234]/.test(form.format) && form.symmetric !== true) return true;
        const stored = quantized(matrix(rows, 256, 'float32'), form);
        const again = quantized(values(stored), form);
        const [before, after] = [stored, again].map((each) => ops.quantizedParts(each)[0]!);
        return Buffer.from(toBytes(before!)).equals(toBytes(after!));
      }),
    ),
    { numRuns: 40 },
  );
  t.pass();
});

test('doubling a matrix doubles what is stored, and rows keep to themselves', (t) => {
  fc.assert(
    fc.property(anyForm, fc.integer({ min: 2, max: 20 }), (form, rows) =>
      scope(() => {
        if (form.format === 'NF4Double') return true; // its scales share a mean
        const w = matrix(rows, 256, 'float32');
        const all = values(quantized(w, form));
        const doubled = values(quantized(ops.mulScalar(w, 2), form));
        const alone = values(quantized(ops.narrow(w, 0, 1, 1), form));
        return (
          distance(doubled, ops.mulScalar(all, 2)) === 0 &&
          distance(alone, ops.narrow(all, 0, 1, 1)) === 0
        );
      }),
    ),
    { numRuns: 40 },
  );
  t.pass();
});

test('a bfloat16 matrix is stored as its float32 copy is, a transposed one as its contiguous copy', (t) => {
  scope(() => {
    for (const format of allFormats) {
      const form = { format, group: 64 };
      const w = matrix(70, 128, 'bfloat16');
      t.deepEqual(toBytes(quantized(w, form)), toBytes(quantized(ops.to(w, 'float32'), form)));
      const turned = ops.t(matrix(128, 70, 'float32'));
      const copied = quantized(ops.contiguous(turned), form);
      t.deepEqual(toBytes(quantized(turned, form)), toBytes(copied), format);
    }
  });
});

test('bytes do not depend on the number of threads', (t) => {
  scope(() => {
    for (const format of allFormats) {
      // More than 32,768 scales, from where on libtorch adds them up in several threads.
      const w = draw('large', [2300, 1024], 'float32');
      const [one, three] = bytesByThreads([1, 3], () => ({
        outputs: [quantized(w, { format, group: 64 })],
        gradients: [],
      }));
      t.true(Buffer.from(one?.[0] ?? []).equals(three?.[0] ?? new Uint8Array()), format);
    }
  });
});

test('every instruction set and type decodes to the same values, all rows or some', (t) => {
  scope(() => {
    for (const format of allFormats) {
      const stored = quantized(matrix(37, 192, 'float32'), { format, group: 32 });
      const exact = values(stored);
      onEachIsa((isa) => t.is(distance(values(stored), exact), 0, `${format} ${isa}`));
      for (const dtype of ['float64', 'bfloat16', 'float16'] as const) {
        t.is(distance(values(stored, dtype), ops.to(exact, dtype)), 0, dtype);
      }
      const some = ops.dequantizeWeight(stored, { dtype: 'float32', first: 5, count: 7 });
      t.is(distance(some, ops.narrow(exact, 0, 5, 7)), 0);
    }
  });
});

/** Outputs and gradients of `f`, as bytes. */
function bits(f: (x: Tensor) => Tensor | readonly Tensor[], x: Tensor, dy: readonly Tensor[]) {
  const { outputs, gradients } = run((leaf) => f(leaf as Tensor), [x], dy);
  return [...outputs, ...gradients].map((each) => Buffer.from(toBytes(each)));
}

function sameBits(a: readonly Buffer[], b: readonly Buffer[]): boolean {
  return a.length === b.length && a.every((each, i) => each.equals(b[i] as Buffer));
}

testOfProcessor(
  'a product with a quantised weight, and its gradient, have the bits of the product with its values in the type of the operand',
  (t) => {
    fc.assert(
      fc.property(
        anyForm,
        fc.integer({ min: 0, max: 130 }),
        fc.integer({ min: 1, max: 150 }),
        fc.constantFrom(128, 256, 384),
        fc.constantFrom<DType>('float32', 'bfloat16'),
        (form, rows, outputs, inputs, dtype) =>
          scope(() => {
            const weight = quantized(draw('w', [outputs, inputs], 'float32'), form);
            const x = draw('x', [rows, inputs], dtype);
            const dy = draw('dy', [rows, outputs], dtype);
            const bias = draw('bias', [outputs], 'float32');
            const dense = values(weight, dtype);
            let same = true;
            onEachIsa(() => {
              const got = bits((x) => ops.linear(x, weight, bias), x, [dy]);
              same &&= sameBits(
                got,
                bits((x) => ops.linear(x, dense, bias), x, [dy]),
              );
            });
            return same;
          }),
      ),
      { numRuns: 60 },
    );
    t.pass();
  },
);

test('a product of a few rows is that of the values in the type of the operand', (t) => {
  // One row and up to eight have kernels of their own on a device; columns need not fill a pack.
  fc.assert(
    fc.property(
      anyForm,
      fc.constantFrom(1, 2, 7, 8, 9),
      fc.integer({ min: 1, max: 70 }),
      fc.integer({ min: 1, max: 5 }),
      fc.constantFrom<DType>('float32', 'bfloat16'),
      (form, rows, outputs, blocks, dtype) =>
        scope(() => {
          const inputs = form.group === 0 ? 96 * blocks + 13 : 128 * blocks;
          const weight = quantized(draw('w', [outputs, inputs], 'float32'), form);
          const [x, dense] = [draw('x', [rows, inputs], dtype), values(weight, dtype)];
          const [a, b] = [x, dense].map((each) => ops.to(each, 'float64')) as [Tensor, Tensor];
          const exact = ops.mm(a, ops.t(b));
          // Sums in float32, in any order, and one rounding of what they come to. AMX multiplies
          // float32 as parts in bfloat16, without the smallest product: 2^-16.
          const sizes = ops.mm(ops.abs(a), ops.t(ops.abs(b)));
          const allowed = ops.add(
            ops.mulScalar(sizes, inputs * dtypeEpsilon('float32') + 2 ** -16),
            ops.mulScalar(ops.abs(exact), dtypeEpsilon(dtype)),
          );
          const gaps = ops.abs(ops.sub(ops.to(ops.linear(x, weight), 'float64'), exact));
          return largest(ops.relu(ops.sub(gaps, allowed))) === 0;
        }),
    ),
    { numRuns: 60 },
  );
  t.pass();
});

test('several blocks of rows, columns and depth read a quantised weight as its values', (t) => {
  scope(() => {
    for (const format of allFormats) {
      const weight = quantized(draw('w', [600, 1536], 'bfloat16'), { format, group: 64 });
      const dense = values(weight, 'bfloat16');
      const [x, dy] = [draw('x', [1200, 1536], 'bfloat16'), draw('dy', [1200, 600], 'bfloat16')];
      const got = bits((x) => ops.linear(x, weight), x, [dy]);
      t.true(
        sameBits(
          got,
          bits((x) => ops.linear(x, dense), x, [dy]),
        ),
        format,
      );
    }
  });
});

testOfProcessor(
  'layers that share an input, with adapters, a norm or a gate inside, read quantised weights alike',
  (t) => {
    scope(() => {
      for (const format of allFormats) {
        for (const rows of [4, 140]) {
          const form = { format, group: 32 };
          const weights = [96, 40].map((n) =>
            quantized(draw(`w${n}`, [n, 64], 'float32', 0.3), form),
          );
          const dense = weights.map((each) => values(each, 'bfloat16'));
          const A = [0, 1].map((i) => draw(`a${i}`, [4, 64], 'float32', 0.3));
          const B = [96, 40].map((n) => draw(`b${n}`, [n, 4], 'float32', 0.3));
          const x = draw('x', [rows, 64], 'bfloat16');
          const dy = [96, 40].map((n) => draw(`dy${n}`, [rows, n], 'bfloat16'));
          const norm = draw('norm', [64], 'float32');
          const [up, first] = [draw('up', [rows, 64], 'bfloat16'), weights[0]!];
          const forms: Record<string, (x: Tensor, w: readonly Tensor[]) => readonly Tensor[]> = {
            group: (x, w) => ops.linearGroup(x, w, []),
            adapters: (x, w) => ops.loraLinearGroup(x, w, [], A, B, [2, 0.5]),
            norm: (x, w) => ops.normLinearGroup(x, norm, 1e-5, 0, w, [], A, B, [2, 0.5]),
          };
          for (const [name, f] of Object.entries(forms)) {
            const got = bits((x) => f(x, weights), x, dy);
            t.true(
              sameBits(
                got,
                bits((x) => f(x, dense), x, dy),
              ),
              `${format}, ${name}, ${rows} rows`,
            );
          }
          const gated = (w: Tensor) => (gate: Tensor) =>
            ops.swigluLinear(gate, up, 0, w, null, [A[0]!], [B[0]!], [2]);
          const got = bits(gated(first), x, [dy[0]!]);
          t.true(sameBits(got, bits(gated(dense[0]!), x, [dy[0]!])), `${format}, gate`);
        }
      }
    });
  },
);

test('adapters beside a quantised weight get the gradients that they get beside its values', (t) => {
  scope(() => {
    const weight = quantized(draw('w', [96, 64], 'float32'), { format: 'NF4Double', group: 64 });
    const dense = values(weight);
    const [x, dy] = [draw('x', [50, 64], 'float32'), draw('dy', [50, 96], 'float32')];
    const [A, B] = [draw('a', [4, 64], 'float32'), draw('b', [96, 4], 'float32')];
    const gradients = (w: Tensor) =>
      withTape(() => {
        const leaves = [x, A, B].map(leaf) as [Tensor, Tensor, Tensor];
        const y = ops.loraLinear(leaves[0], w, null, leaves[1], leaves[2], 0.5);
        return grad([y], leaves, [dy]).map((g) => toBytes(g!));
      });
    t.deepEqual(gradients(weight), gradients(dense));
  });
});

test('other types are multiplied by libtorch, some rows of the weight at a time', (t) => {
  scope(() => {
    for (const form of [
      { format: 'NF4Double', group: 64 },
      { format: 'Int8', group: 0 },
    ] as const) {
      // Two panels of 4 Mi values.
      const weight = quantized(draw('w', [5000, 1024], 'float32'), form);
      const dense = values(weight, 'float64');
      const [x, dy] = [draw('x', [3, 1024], 'float64'), draw('dy', [3, 5000], 'float64')];
      const got = run((x) => ops.linear(x as Tensor, weight), [x], [dy]);
      const exact = run((x) => ops.linear(x as Tensor, dense), [x], [dy]);
      const allowed = 5000 * dtypeEpsilon('float64') * 16;
      t.true(distance(got.outputs[0]!, exact.outputs[0]!) <= allowed);
      t.true(distance(got.gradients[0]!, exact.gradients[0]!) <= allowed * 100);
      const low = [draw('a', [4, 1024], 'float64'), draw('b', [5000, 4], 'float64')] as const;
      const bias = draw('bias', [5000], 'float64');
      const lora = (w: Tensor) =>
        run((x) => ops.loraLinear(x as Tensor, w, bias, ...low, 0.5), [x], [dy]);
      const [ours, theirs] = [lora(weight), lora(dense)];
      t.true(distance(ours.outputs[0]!, theirs.outputs[0]!) <= allowed * 100);
      t.true(distance(ours.gradients[0]!, theirs.gradients[0]!) <= allowed * 100);
    }
  });
});

test('what cannot be stored or read so is refused with a sentence', (t) => {
  scope(() => {
    const w = draw('w', [8, 96], 'float32');
    const cases: readonly (readonly [() => unknown, RegExp])[] = [
      [() => ops.quantizeWeight(w, 1, 64), /group is 64; it must divide the 96 columns/],
      [() => ops.quantizeWeight(w, 1, 0), /group is 0; it must be a power of two from 32 to 4096/],
      [() => ops.quantizeWeight(w, 1, 48), /group is 48; it must be a power of two/],
      [() => ops.quantizeWeight(w, 7, 32), /format is 7; it must be 1/],
      [() => ops.quantizeWeight(w, 3, 32, true), /symmetric is for Int4, Int3 and Int2 alone/],
      [() => ops.quantizeWeight(ops.view(w, [-1]), 1, 32), /it must have two dimensions/],
      [() => ops.quantizeWeight(ops.to(w, 'float64'), 1, 32), /it must be float32 or bfloat16/],
      [
        () => ops.dequantizeWeight(ops.zeros([400], { dtype: 'uint8' }), { dtype: 'float32' }),
        /the bytes are no quantised weight/,
      ],
      [
        () => ops.dequantizeWeight(w, { dtype: 'float32' }),
        /a quantised weight is one piece of bytes/,
      ],
      [
        () => ops.linear(draw('x', [3, 64], 'float32'), ops.quantizeWeight(w, 1, 32)),
        /its last dimension must be 96, the inputs of the weight \[8, 96\]/,
      ],
    ];
    for (const [body, message] of cases) t.throws(body, { message });
  });
});
