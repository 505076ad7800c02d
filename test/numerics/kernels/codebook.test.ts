// Matrices that are sums of vectors from codebooks: decoding, its gradient and the search for
// codes, against their definitions in operators of libtorch and against all pairs of codes.
import test from 'ava';
import fc from 'fast-check';
import { type DType, dtypeEpsilon } from '../../../worker/tensor/dtype.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { item, type Tensor, tensor, toArray, toBytes } from '../../../worker/tensor/tensor.ts';
import { hasDevice } from '../../builders/emulated-device.ts';
import { bytesByThreads, distance, draw, largest, onEachIsa, run, wide } from './compare.ts';

interface Shape {
  readonly rows: number;
  readonly groups: number;
  readonly codebooks: number;
  readonly entries: number;
  readonly values: number;
}

const anyShape: fc.Arbitrary<Shape> = fc.record({
  rows: fc.integer({ min: 1, max: 70 }),
  groups: fc.integer({ min: 1, max: 9 }),
  codebooks: fc.integer({ min: 1, max: 4 }),
  entries: fc.constantFrom(1, 3, 16, 37, 64, 256),
  values: fc.constantFrom(1, 2, 4, 5, 8, 16, 32),
});

/** Indices from 0 up to a bound, drawn. */
function indices(name: string, shape: readonly number[], below: number): Tensor {
  const drawn = ops.mulScalar(draw(name, shape, 'float64', 1000), 7.3);
  return ops.to(ops.remainderScalar(ops.floor(ops.abs(drawn)), below), 'uint8');
}

function matrixOf({ rows, groups, codebooks, entries, values }: Shape, dtype: DType) {
  return {
    codes: indices('codes', [rows, groups, codebooks], entries),
    codebooks: draw('codebooks', [codebooks, entries, values], dtype),
    scales: draw('scales', [rows], dtype),
  };
}

type Matrix = ReturnType<typeof matrixOf>;

/** The definition: a row of each codebook for each code, added up, times the scale of the row. */
function defined({ codes, codebooks, scales }: Matrix): Tensor {
  const [rows = 0, groups = 0] = codes.shape;
  const parts = ops.unbind(codebooks, 0).map((codebook, k) => {
    const chosen = ops.reshape(ops.to(ops.select(codes, 2, k), 'int64'), [-1]);
    return ops.indexSelect(codebook, 0, chosen);
  });
  const [first, ...others] = parts as [Tensor, ...Tensor[]];
  const sum = others.reduce((total, part) => ops.add(total, part), first);
  return ops.mul(
    ops.view(sum, [rows, groups * (codebooks.shape[2] ?? 0)]),
    ops.unsqueeze(scales, 1),
  );
}

test.serial('what codes stand for is the sum of their vectors times the scale, bit by bit', (t) => {
  onEachIsa((isa) => {
    fc.assert(
      fc.property(anyShape, (shape) =>
        scope(() => {
          const narrow = matrixOf(shape, 'float32');
          const { codes, codebooks, scales } = narrow;
          const found = ops.codebookDecode(codes, codebooks, scales, { dtype: 'float32' });
          const rounded = ops.codebookDecode(codes, codebooks, scales, { dtype: 'bfloat16' });
          const exact = matrixOf(shape, 'float64');
          const doubled = ops.codebookDecode(codes, exact.codebooks, exact.scales, {
            dtype: 'float64',
          });
          const expected = defined(narrow);
          return (
            distance(found, expected) === 0 &&
            distance(rounded, ops.to(expected, 'bfloat16')) === 0 &&
            distance(doubled, defined(exact)) === 0
          );
        }),
      ),
      { numRuns: 40 },
    );
    t.pass(isa);
  });
});

test.serial(
  'gradients of codebooks and scales are those of the tape through the definition',
  (t) => {
    onEachIsa((isa) => {
      fc.assert(
        fc.property(anyShape, fc.constantFrom<DType>('float64', 'float32'), (shape, dtype) =>
          scope(() => {
            const matrix = matrixOf(shape, dtype);
            const gradient = draw('gradient', [shape.rows, shape.groups * shape.values], dtype);
            const [ofCodebooks, ofScales] = ops.codebookGradient(
              matrix.codes,
              matrix.codebooks,
              matrix.scales,
              gradient,
            );
            const { gradients } = run(
              (codebooks, scales) => defined({ codes: matrix.codes, codebooks, scales }),
              [wide(matrix.codebooks), wide(matrix.scales)],
              [wide(gradient)],
            );
            const [codebooks, scales] = gradients as [Tensor, Tensor];
            // Sums of so many products, each of numbers that are seldom beyond 4.
            const terms = shape.rows * shape.groups * shape.values * shape.codebooks;
            const unit = 64 * dtypeEpsilon(dtype) * Math.sqrt(terms);
            return distance(ofCodebooks, codebooks) <= unit && distance(ofScales, scales) <= unit;
          }),
        ),
        { numRuns: 40 },
      );
      t.pass(isa);
    });
  },
);

test('a vector that no code names has a gradient of exactly zero', (t) => {
  scope(() => {
    const shape = { rows: 9, groups: 5, codebooks: 2, entries: 32, values: 8 };
    const { codes, codebooks, scales } = matrixOf(shape, 'float32');
    const low = ops.to(ops.remainderScalar(ops.to(codes, 'int32'), 7), 'uint8');
    const [found] = ops.codebookGradient(low, codebooks, scales, draw('g', [9, 40], 'float32'));
    t.is(largest(ops.narrow(found, 1, 7, 25)), 0);
    t.true(largest(ops.narrow(found, 1, 0, 7)) > 0);
  });
});

test.serial('the number of threads changes no bit', (t) => {
  const shape = { rows: 200, groups: 31, codebooks: 3, entries: 64, values: 8 };
  const outcomes = bytesByThreads([1, 2, 3], () =>
    scope(() => {
      const { codes, codebooks, scales } = matrixOf(shape, 'float32');
      const gradient = draw('g', [200, 248], 'float32');
      const targetCount = draw('t', [6200, 8], 'float32');
      const flat = ops.view(codes, [6200, 3]);
      return {
        outputs: [
          ops.codebookDecode(codes, codebooks, scales, { dtype: 'bfloat16' }),
          ...ops.codebookGradient(codes, codebooks, scales, gradient),
          ops.codebookSearch(targetCount, codebooks, flat, [2, 0, 1], 3),
        ],
        gradients: [],
      };
    }),
  );
  t.deepEqual(outcomes[1], outcomes[0]);
  t.deepEqual(outcomes[2], outcomes[0]);
});

/** Squared distances of vectors from what codes `[n, K]` stand for, float64. */
function errors(targetCount: Tensor, codebooks: Tensor, codes: Tensor): Tensor {
  const scales = ops.ones([codes.shape[0] ?? 0], { dtype: 'float64' });
  const values = defined({
    codes: ops.unsqueeze(codes, 1),
    codebooks: wide(codebooks),
    scales,
  } as Matrix);
  return ops.sumDim(ops.square(ops.sub(wide(targetCount), values)), [1]);
}

const anySearch = fc.record({
  shape: anyShape,
  beam: fc.integer({ min: 1, max: 16 }),
  turn: fc.nat(3),
});

test.serial('a search never ends further away than it began, whatever order and beam', (t) => {
  onEachIsa((isa) => {
    fc.assert(
      fc.property(anySearch, ({ shape, beam, turn }) =>
        scope(() => {
          const { codebooks, codes } = matrixOf(shape, 'float32');
          const flat = ops.view(codes, [-1, shape.codebooks]);
          const targetCount = draw('t', [flat.shape[0] ?? 0, shape.values], 'float32', 1.5);
          const order = Array.from(
            { length: shape.codebooks },
            (_, k) => (k + turn) % shape.codebooks,
          );
          const found = ops.codebookSearch(targetCount, codebooks, flat, order, beam);
          const grown = ops.sub(
            errors(targetCount, codebooks, found),
            errors(targetCount, codebooks, flat),
          );
          return item(ops.amax(grown)) <= 0;
        }),
      ),
      { numRuns: 40 },
    );
    t.pass(isa);
  });
});

test.serial(
  'one codebook gives the nearest vector; a full beam over two gives the nearest pair',
  (t) => {
    onEachIsa((isa) => {
      scope(() => {
        const targetCount = draw('t', [500, 8], 'float32', 1.4);
        const one = draw('one', [1, 200, 8], 'float32');
        const zeros = ops.zeros([500, 1], { dtype: 'uint8' });
        const nearest = ops.codebookSearch(targetCount, one, zeros, [0], 1);
        const [vectors] = ops.unbind(wide(one), 0) as [Tensor];
        const gaps = ops.sub(ops.unsqueeze(wide(targetCount), 1), ops.unsqueeze(vectors, 0));
        const least = ops.amin(ops.sumDim(ops.square(gaps), [2]), [1]);
        const unit = 16 * dtypeEpsilon('float32') * largest(least);
        t.true(distance(errors(targetCount, one, nearest), least) <= unit, `${isa}, one`);

        const two = draw('two', [2, 16, 8], 'float32');
        const pairs = ops.view(
          ops.add(
            ops.unsqueeze(ops.select(wide(two), 0, 0), 1),
            ops.unsqueeze(ops.select(wide(two), 0, 1), 0),
          ),
          [256, 8],
        );
        const ofPairs = ops.sub(ops.unsqueeze(wide(targetCount), 1), ops.unsqueeze(pairs, 0));
        const best = ops.amin(ops.sumDim(ops.square(ofPairs), [2]), [1]);
        const start = ops.zeros([500, 2], { dtype: 'uint8' });
        for (const order of [
          [0, 1],
          [1, 0],
        ]) {
          const found = ops.codebookSearch(targetCount, two, start, order, 16);
          t.true(distance(errors(targetCount, two, found), best) <= unit, `${isa}, pairs ${order}`);
        }
        // A narrow beam misses some, else the test above would say nothing.
        const narrow = ops.codebookSearch(targetCount, two, start, [0, 1], 1);
        t.true(distance(errors(targetCount, two, narrow), best) > unit, `${isa}, narrow`);
      });
    });
  },
);

test.serial('codes of what they stand for stay, and so do those of what is no number', (t) => {
  onEachIsa((isa) => {
    scope(() => {
      const shape = { rows: 40, groups: 5, codebooks: 2, entries: 256, values: 8 };
      const { codes, codebooks } = matrixOf(shape, 'float32');
      const flat = ops.view(codes, [200, 2]);
      const scales = ops.ones([200], { dtype: 'float32' });
      const values = ops.codebookDecode(ops.unsqueeze(flat, 1), codebooks, scales, {
        dtype: 'float32',
      });
      const found = ops.codebookSearch(values, codebooks, flat, [0, 1], 4);
      // Rounding of the sums leaves an error of some units, which another pair cannot undercut
      // here.
      t.deepEqual(toBytes(found), toBytes(flat), isa);
      const broken = ops.mulScalar(values, Number.NaN);
      t.deepEqual(toBytes(ops.codebookSearch(broken, codebooks, flat, [1, 0], 4)), toBytes(flat));
    });
  });
});

test('what does not fit is told in a sentence', (t) => {
  scope(() => {
    const codebooks = draw('c', [2, 4, 2], 'float32');
    const scales = draw('s', [1], 'float32');
    const beyond = tensor([0, 4], [1, 1, 2], 'uint8');
    const decode = () => ops.codebookDecode(beyond, codebooks, scales, { dtype: 'float32' });
    // A device would have to be waited for.
    if (hasDevice()) t.true(toArray(decode()).every(Number.isNaN));
    else t.throws(decode, { message: /a code is 4; the codebooks have 4 entries/ });
    const codes = tensor([0, 1], [1, 2], 'uint8');
    const targetCount = draw('t', [1, 2], 'float32');
    t.throws(() => ops.codebookSearch(targetCount, codebooks, codes, [0, 0], 1), {
      message: /each of the 2 codebooks once/,
    });
    t.throws(() => ops.codebookSearch(targetCount, codebooks, codes, [0, 1], 17), {
      message: /beam is 17; it must be 1 to 16/,
    });
    t.deepEqual(toArray(ops.codebookSearch(targetCount, codebooks, codes, [0, 1], 16)).length, 2);
  });
});
