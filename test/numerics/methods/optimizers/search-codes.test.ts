import test from 'ava';
import fc from 'fast-check';
import {
  type SearchLimits,
  searchCodes,
} from '../../../../worker/methods/optimizers/search-codes.ts';
import {
  type CodebookMatrix,
  decodeCodebook,
} from '../../../../worker/methods/weights/codebook.ts';
import { dtypeEpsilon } from '../../../../worker/tensor/dtype.ts';
import * as ops from '../../../../worker/tensor/ops.generated.ts';
import { normal } from '../../../../worker/tensor/rng.ts';
import { scope } from '../../../../worker/tensor/scope.ts';
import { streamOf } from '../../../../worker/tensor/streams.ts';
import { item, type Tensor, toArray, toBytes } from '../../../../worker/tensor/tensor.ts';
import { aCodebookMatrix, type CodebookShape, copyOf } from '../../../builders/codebook.ts';

const stream = streamOf(5, 'search-codes.test');

const anyCase = fc.record({
  shape: fc.record<CodebookShape>({
    outputs: fc.integer({ min: 1, max: 20 }),
    groups: fc.integer({ min: 1, max: 8 }),
    codebooks: fc.integer({ min: 1, max: 3 }),
    entries: fc.constantFrom(2, 16, 64),
    groupSize: fc.constantFrom(2, 8),
  }),
  limits: fc.record<SearchLimits>({
    maxChange: fc.constantFrom(1e-6, 0.1, 0.5, 1),
    trustRatio: fc.constantFrom(null, 1e-9, 0.05, 0.3, 10),
    beam: fc.integer({ min: 1, max: 8 }),
  }),
  distance: fc.constantFrom(0.1, 1, 5),
  dtype: fc.constantFrom<'float32' | 'float64'>('float32', 'float64'),
});

/** What a matrix stands for, moved by noise. */
function referenceFor(matrix: CodebookMatrix, distance: number): Tensor {
  const whole = decodeCodebook(matrix, matrix.codebooks.dtype);
  const noise = normal(whole.shape, distance, streamOf(5, 'noise'), whole.dtype);
  return ops.add(whole, noise);
}

const wide = (x: Tensor): Tensor => ops.to(x, 'float64');
const norm = (x: Tensor): number => item(ops.linalgVectorNorm(wide(x)));

/** Squared distances by group, flat. */
function gaps(matrix: CodebookMatrix, reference: Tensor): readonly number[] {
  const size = matrix.codebooks.shape[2] ?? 1;
  const gap = ops.sub(wide(decodeCodebook(matrix, matrix.codebooks.dtype)), wide(reference));
  return toArray(ops.sumDim(ops.square(ops.view(gap, [-1, size])), [1]));
}

const changedGroups = (before: CodebookMatrix, after: CodebookMatrix): readonly number[] => {
  const differs = toArray(ops.sumDim(ops.to(ops.ne(before.codes, after.codes), 'int64'), [2]));
  return differs.flatMap((count, index) => (count > 0 ? [index] : []));
};

test('what is searched for is never further away than before', (t) => {
  fc.assert(
    fc.property(anyCase, ({ shape, limits, distance, dtype }) =>
      scope(() => {
        const matrix = aCodebookMatrix(shape, dtype);
        const reference = referenceFor(matrix, distance);
        const before = gaps(matrix, reference).reduce((sum, each) => sum + each, 0);
        searchCodes(matrix, reference, limits, stream);
        const after = gaps(matrix, reference).reduce((sum, each) => sum + each, 0);
        // Targets are float32: an error that is equal but for their rounding may grow by that.
        const size = norm(reference) * Math.sqrt(before);
        return after <= before + 8 * dtypeEpsilon('float32') * size;
      }),
    ),
  );
  t.pass();
});

test('limits hold: no more groups than tau allows, none but the farthest, no further than trust allows', (t) => {
  fc.assert(
    fc.property(anyCase, ({ shape, limits, distance, dtype }) =>
      scope(() => {
        const matrix = aCodebookMatrix(shape, dtype);
        const before = copyOf(matrix);
        const reference = referenceFor(matrix, distance);
        const urgency = gaps(matrix, reference);
        const told = item(searchCodes(matrix, reference, limits, stream));
        const changed = changedGroups(before, matrix);
        const allowed = Math.max(1, Math.ceil(limits.maxChange * urgency.length));
        const least = [...urgency].sort((a, b) => b - a)[allowed - 1] ?? 0;
        const [was, is] = [before, matrix].map((each) => wide(decodeCodebook(each, dtype))) as [
          Tensor,
          Tensor,
        ];
        const moved = norm(ops.sub(is, was));
        const isTrusted =
          limits.trustRatio === null ||
          changed.length <= 1 ||
          moved <= limits.trustRatio * norm(was) * (1 + 1e-5);
        return (
          told === changed.length &&
          changed.length <= allowed &&
          changed.every((group) => (urgency[group] ?? 0) >= least * (1 - 1e-5)) &&
          isTrusted
        );
      }),
    ),
  );
  t.pass();
});

test('a trust ratio that allows nothing still lets one group change', (t) => {
  scope(() => {
    const matrix = aCodebookMatrix({
      outputs: 9,
      groups: 9,
      codebooks: 1,
      entries: 64,
      groupSize: 4,
    });
    const limits = { maxChange: 1, trustRatio: 1e-12, beam: 1 };
    t.is(item(searchCodes(matrix, referenceFor(matrix, 3), limits, stream)), 1);
  });
});

test('what codes stand for is a fixed point', (t) => {
  scope(() => {
    for (const codebooks of [1, 2, 3]) {
      const matrix = aCodebookMatrix({
        outputs: 20,
        groups: 6,
        codebooks,
        entries: 64,
        groupSize: 8,
      });
      const before = copyOf(matrix);
      const reference = decodeCodebook(matrix, 'float32');
      const limits = { maxChange: 1, trustRatio: null, beam: 4 };
      t.is(item(searchCodes(matrix, reference, limits, stream)), 0);
      t.deepEqual(toBytes(matrix.codes), toBytes(before.codes));
    }
  });
});

test('with all groups, one codebook and a beam of one, each group takes the nearest vector', (t) => {
  scope(() => {
    const shape = { outputs: 12, groups: 10, codebooks: 1, entries: 64, groupSize: 4 };
    const matrix = aCodebookMatrix(shape, 'float64');
    const reference = referenceFor(matrix, 2);
    searchCodes(matrix, reference, { maxChange: 1, trustRatio: null, beam: 1 }, stream);
    const targetCount = ops.view(ops.div(reference, ops.unsqueeze(matrix.scales, 1)), [120, 1, 4]);
    const [vectors] = ops.unbind(matrix.codebooks, 0) as [Tensor];
    const distances = ops.sumDim(ops.square(ops.sub(targetCount, ops.unsqueeze(vectors, 0))), [2]);
    const nearest = ops.argmin(distances, 1);
    t.deepEqual(toArray(nearest).map(Number), toArray(ops.view(matrix.codes, [-1])).map(Number));
  });
});

test('the same stream visits codebooks in the same order, others in another', (t) => {
  scope(() => {
    const shape = { outputs: 40, groups: 8, codebooks: 3, entries: 16, groupSize: 8 };
    const after = (seed: number) => {
      const matrix = aCodebookMatrix(shape);
      const limits = { maxChange: 1, trustRatio: null, beam: 1 };
      searchCodes(matrix, referenceFor(matrix, 2), limits, streamOf(seed, 'order'));
      return toBytes(matrix.codes);
    };
    t.deepEqual(after(1), after(1));
    const outcomes = [1, 2, 3, 4, 5, 6].map((seed) => Buffer.from(after(seed)).toString('hex'));
    t.true(new Set(outcomes).size > 1);
  });
});
