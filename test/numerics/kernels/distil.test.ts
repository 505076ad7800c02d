// Distillation at the head against its definition over the whole vocabulary, with gradients by the
// tape.
import { isDeepStrictEqual } from 'node:util';
import test from 'ava';
import fc from 'fast-check';
import { grad, leaf, withTape } from '../../../worker/tensor/autograd.ts';
import { type DType, dtypeEpsilon } from '../../../worker/tensor/dtype.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { item, type Tensor, tensor, toArray, toBytes } from '../../../worker/tensor/tensor.ts';
import { setThreads, threads } from '../../../worker/tensor/threads.ts';
import { hasDevice } from '../../builders/emulated-device.ts';
import { testOfProcessor } from '../../builders/test-of-processor.ts';
import { distance, draw, largest, onEachIsa, wide } from './compare.ts';

interface Case {
  readonly rows: number;
  readonly size: number;
  readonly vocabulary: number;
  readonly k: number;
  readonly dtype: DType;
  readonly chunk: number;
  readonly cap: number;
  readonly mix: number;
  readonly temperature: number;
}

const plain: Case = {
  ...{ rows: 37, size: 40, vocabulary: 1000, k: 16, dtype: 'float32' },
  ...{ chunk: 0, cap: 0, mix: 0.5, temperature: 1 },
};

const invN = 1 / 64;

interface Inputs {
  readonly h: Tensor;
  readonly weight: Tensor;
  readonly labels: Tensor;
  /** Of the teacher: ids and logs of probabilities. */
  readonly ids: Tensor;
  readonly logQ: Tensor;
}

/** The teacher is another model of the same sizes. */
function inputsOf(c: Case): Inputs {
  const labels = Array.from({ length: c.rows }, (_, i) => (i * 7919 + 13) % c.vocabulary);
  const weight = draw('weight', [c.vocabulary, c.size], c.dtype);
  const teacher = draw('teacher', [c.rows, c.size], c.dtype);
  const { cap, temperature } = c;
  const [ids, logQ] = ops.headTop(teacher, weight, c.k, { cap, temperature });
  return {
    h: draw('h', [c.rows, c.size], c.dtype),
    ...{ weight, ids, logQ, labels: tensor(labels, [c.rows], 'int64') },
  };
}

interface Result {
  readonly nll: Tensor;
  readonly divergence: Tensor;
  readonly sums: Tensor;
  readonly dh: Tensor;
  readonly dweight: Tensor;
}

function distil(c: Case, { h, weight, labels, ids, logQ }: Inputs): Result {
  const dweight = ops.zeros(weight.shape, { dtype: c.dtype === 'float64' ? 'float64' : 'float32' });
  const { chunk, cap, mix, temperature } = c;
  const options = { invN, chunk, cap, mix, temperature, dweight };
  const [nll, divergence, sums, dh] = ops.headDistil(h, weight, labels, ids, logQ, options);
  return { nll, divergence, sums, dh, dweight };
}

function logitsOf({ cap }: Case, h: Tensor, weight: Tensor): Tensor {
  const u = ops.mm(h, ops.t(weight));
  return cap > 0 ? ops.mulScalar(ops.tanh(ops.divScalar(u, cap)), cap) : u;
}

/** The definition in float64: the probability of the rest is a sum over all other tokens. */
function definition(c: Case, inputs: Inputs) {
  return withTape(() => {
    const [h, weight] = [leaf(wide(inputs.h)), leaf(wide(inputs.weight))];
    const z = logitsOf(c, h, weight);
    const label = ops.squeeze(ops.gather(z, 1, ops.unsqueeze(inputs.labels, 1)), 1);
    const nll = ops.sub(ops.logsumexp(z, [1]), label);
    const soft = ops.divScalar(z, c.temperature);
    const logP = ops.sub(soft, ops.logsumexp(soft, [1], true));
    const ids = ops.to(inputs.ids, 'int64');
    const q = ops.exp(wide(inputs.logQ));
    const mask = ops.zeros(z.shape, { dtype: 'float64' });
    ops.scatter_(mask, 1, ids, ops.onesLike(wide(inputs.ids)));
    const others = ops.mul(ops.exp(logP), ops.sub(ops.onesLike(mask), mask));
    const rest = ops.sumDim(others, [1], true);
    const hasRest = c.k < c.vocabulary;
    const logs = ops.cat([ops.gather(logP, 1, ids), hasRest ? ops.log(rest) : rest], 1);
    const known = ops.narrow(wide(inputs.logQ), 1, 0, c.k);
    const logQ = hasRest ? wide(inputs.logQ) : ops.cat([known, ops.zerosLike(rest)], 1);
    const divergence = ops.sumDim(ops.mul(q, ops.sub(logQ, logs)), [1]);
    const loss = ops.add(ops.mulScalar(nll, 1 - c.mix), ops.mulScalar(divergence, c.mix));
    const objective = ops.mulScalar(ops.sum(loss), invN);
    const [dh, dweight] = grad([objective], [h, weight], [null]) as [Tensor, Tensor];
    const hits = item(ops.sum(ops.to(ops.eq(ops.argmax(z, 1), inputs.labels), 'float64')));
    return { nll, divergence, objective, dh, dweight, hits };
  });
}

/** As in head.test.ts: errors of logits are those of sums of `size` products. */
function agrees(c: Case): string[] {
  return scope(() => {
    const inputs = inputsOf(c);
    const exact = definition(c, inputs);
    const unit = dtypeEpsilon(c.dtype === 'float64' ? 'float64' : 'float32');
    const logit = 4 * unit * (8 + c.size) * largest(inputs.h) * largest(inputs.weight);
    const lse = largest(exact.nll) + largest(inputs.h) * c.size;
    const row = (logit + unit * lse) * Math.max(1, 1 / c.temperature);
    const steepest = 2 * invN * Math.max(1, 1 / c.temperature);
    const isShort = hasDevice() && c.dtype === 'bfloat16';
    const short = isShort ? (steepest * dtypeEpsilon(c.dtype)) / 4 : 0;
    const slope = steepest * (2 * row + 8 * unit) + short;
    const wrong: string[] = [];
    onEachIsa((isa) => {
      const got = distil(c, inputs);
      const check = (name: string, a: Tensor, b: Tensor, limit: number): void => {
        const off = distance(a, b);
        if (!(off <= limit)) wrong.push(`${isa}: ${name} is off by ${off}, allowed ${limit}`);
      };
      check('nll', got.nll, exact.nll, row);
      check('divergence', got.divergence, exact.divergence, 2 * row);
      check('sum of nll', ops.select(got.sums, 0, 0), ops.sum(exact.nll), c.rows * row);
      check('objective', ops.select(got.sums, 0, 1), exact.objective, c.rows * row * steepest);
      check('sum', ops.select(got.sums, 0, 3), ops.sum(exact.divergence), c.rows * 2 * row);
      const rounding = 0.51 * dtypeEpsilon(got.dh.dtype) * largest(exact.dh);
      check('dh', got.dh, exact.dh, slope * largest(inputs.weight) * 2 + rounding);
      check('dweight', got.dweight, exact.dweight, slope * largest(inputs.h) * 2 * c.rows);
      const hits = item(ops.select(got.sums, 0, 2));
      if (hits !== exact.hits) wrong.push(`${isa}: ${hits} hits, not ${exact.hits}`);
    });
    return wrong;
  });
}

const anyCase: fc.Arbitrary<Case> = fc
  .record({
    rows: fc.integer({ min: 1, max: 50 }),
    size: fc.integer({ min: 1, max: 40 }),
    vocabulary: fc.oneof(fc.integer({ min: 2, max: 300 }), fc.constantFrom(3072, 6500)),
    k: fc.constantFrom(1, 8, 64, 10_000),
    dtype: fc.constantFrom<DType>('float64', 'float32'),
    chunk: fc.integer({ min: 0, max: 40 }),
    cap: fc.constantFrom(0, 5),
    mix: fc.constantFrom(1, 0.3),
    temperature: fc.constantFrom(1, 2, 0.5),
  })
  .map((c) => ({ ...c, k: Math.min(c.k, c.vocabulary) }));

test('distillation gives loss and gradients of its definition, any size and option', (t) => {
  fc.assert(
    fc.property(anyCase, (c) => {
      const wrong = agrees(c);
      if (wrong.length > 0) throw new Error(`${JSON.stringify(c)}\n${wrong.join('\n')}`);
    }),
    { numRuns: 40 },
  );
  t.pass();
});

test('in float64 the gradients are those of the tape to 1e-10', (t) => {
  scope(() => {
    for (const options of [{ mix: 1 }, { mix: 0.3, temperature: 2 }, { mix: 0.5, cap: 5 }]) {
      const c: Case = { ...plain, ...options, dtype: 'float64' };
      const inputs = inputsOf(c);
      const [got, exact] = [distil(c, inputs), definition(c, inputs)];
      t.true(distance(got.dh, exact.dh) < 1e-10);
      t.true(distance(got.dweight, exact.dweight) < 1e-10);
    }
  });
});

test('distillation in bfloat16 sums in float32 and rounds the gradient once', (t) => {
  t.deepEqual(agrees({ ...plain, dtype: 'bfloat16' }), []);
});

test('a student that is its teacher has no divergence and no gradient', (t) => {
  scope(() => {
    const c = { ...plain, mix: 1 };
    const { h, weight, labels } = inputsOf(c);
    const [ids, logQ] = ops.headTop(h, weight, c.k);
    const { divergence, dh } = distil(c, { h, weight, labels, ids, logQ });
    const logit = 4 * dtypeEpsilon('float32') * (8 + c.size) * largest(h) * largest(weight);
    t.true(largest(divergence) <= logit);
    t.true(largest(dh) <= 4 * invN * logit * largest(weight));
  });
});

test('a rest that is tiny at the student has its gradient, and nothing overflows', (t) => {
  scope(() => {
    const c: Case = { ...plain, vocabulary: 500, mix: 1 };
    const { h, ...others } = inputsOf(c);
    const inputs = { ...others, h: ops.mulScalar(h, 20) };
    const [got, exact] = [distil(c, inputs), definition(c, inputs)];
    const logit = 4 * dtypeEpsilon('float32') * (8 + c.size) * largest(inputs.h);
    t.true(distance(got.divergence, exact.divergence) <= 2 * logit * largest(inputs.weight));
    t.true(toArray(got.dh).every(Number.isFinite));
  });
});

test('the teacher gives its most likely tokens in order, and the probability of the rest', (t) => {
  scope(() => {
    for (const dtype of ['float32', 'float64'] as const) {
      const c: Case = { ...plain, dtype, temperature: 2, cap: 5 };
      const h = draw('h', [c.rows, c.size], dtype);
      const weight = draw('weight', [c.vocabulary, c.size], dtype);
      const z = logitsOf(c, wide(h), wide(weight));
      const soft = ops.divScalar(z, c.temperature);
      const p = ops.exp(ops.sub(soft, ops.logsumexp(soft, [1], true)));
      const [expected] = ops.topk(p, c.k, 1);
      const { cap, temperature } = c;
      const [ids, logQ] = ops.headTop(h, weight, c.k, { cap, temperature });
      const q = ops.exp(wide(logQ));
      const limit = 4 * dtypeEpsilon(dtype) * (8 + c.size) * largest(h) * largest(weight);
      t.true(distance(ops.narrow(q, 1, 0, c.k), expected) <= limit);
      t.true(distance(ops.gather(p, 1, ops.to(ids, 'int64')), expected) <= limit);
      t.true(distance(ops.sumDim(q, [1]), ops.ones([c.rows], { dtype: 'float64' })) <= 20 * limit);
    }
  });
});

testOfProcessor(
  'distillation gives rows the same bits for any number of threads, and any chunk',
  (t) => {
    const before = threads();
    const bytesOf = (c: Case) => {
      const inputs = inputsOf(c);
      return [inputs.ids, inputs.logQ, ...Object.values(distil(c, inputs))].map((x: Tensor) =>
        toBytes(x),
      );
    };
    try {
      scope(() => {
        // The last chunk has one row.
        const c = { ...plain, rows: 150, vocabulary: 4000, chunk: 149 };
        setThreads(1);
        const one = bytesOf(c);
        for (const count of [2, 5]) {
          setThreads(count);
          t.true(isDeepStrictEqual(bytesOf(c), one), `${count} threads`);
        }
        for (const chunk of [1, 7, 150]) {
          const [, , nll, divergence, , dh] = bytesOf({ ...c, chunk });
          const rows = [nll, divergence, dh];
          t.true(isDeepStrictEqual(rows, [one[2], one[3], one[5]]), `chunk ${chunk}`);
        }
      });
    } finally {
      setThreads(before);
    }
  },
);

test('what is outside of the vocabulary, and more tokens than it has, are refused', (t) => {
  if (hasDevice()) return void t.pass('a device is not waited for');
  scope(() => {
    const { h, weight, labels, logQ } = inputsOf({ ...plain, rows: 1, k: 2 });
    const ids = tensor([3, 1000], [1, 2], 'int32');
    t.throws(() => ops.headDistil(h, weight, labels, ids, logQ), {
      message: /ids\[1\] is 1000; it must be in \[0, 1000\)/,
    });
    t.throws(() => ops.headTop(h, weight, 1001), { message: /k is 1001; it must be 1 to/ });
  });
});
