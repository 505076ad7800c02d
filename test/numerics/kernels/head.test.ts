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
  readonly dtype: DType;
  readonly chunk: number;
  readonly scale: number;
  readonly cap: number;
  readonly smoothing: number;
  readonly zLoss: number;
  readonly weighted: boolean;
}

interface Inputs {
  readonly h: Tensor;
  readonly weight: Tensor;
  readonly labels: Tensor;
  readonly rowWeight: Tensor | null;
}

const invN = 1 / 64;

function inputsOf(c: Case): Inputs {
  const labels = Array.from({ length: c.rows }, (_, i) => (i * 7919 + 13) % c.vocabulary);
  return {
    h: draw('h', [c.rows, c.size], c.dtype),
    weight: draw('weight', [c.vocabulary, c.size], c.dtype),
    labels: tensor(labels, [c.rows], 'int64'),
    rowWeight: c.weighted ? ops.abs(draw('rows', [c.rows], 'float32')) : null,
  };
}

interface Result {
  readonly nll: Tensor;
  readonly sums: Tensor;
  readonly dh: Tensor;
  readonly dweight: Tensor;
}

function head(c: Case, { h, weight, labels, rowWeight }: Inputs): Result {
  const dweight = ops.zeros(weight.shape, { dtype: c.dtype === 'float64' ? 'float64' : 'float32' });
  const { chunk, scale, cap, smoothing, zLoss } = c;
  const options = { invN, chunk, scale, cap, smoothing, zLoss, rowWeight, dweight };
  const [nll, sums, dh] = ops.headNll(h, weight, labels, options);
  return { nll, sums, dh, dweight };
}

/** The definition in float64, and its gradients by the tape. */
function definition(
  c: Case,
  inputs: Inputs,
): Result & { readonly objective: Tensor; readonly hits: number } {
  return withTape(() => {
    const [h, weight] = [leaf(wide(inputs.h)), leaf(wide(inputs.weight))];
    const u = ops.mulScalar(ops.mm(h, ops.t(weight)), c.scale);
    const z = c.cap > 0 ? ops.mulScalar(ops.tanh(ops.divScalar(u, c.cap)), c.cap) : u;
    const lse = ops.logsumexp(z, [1]);
    const label = ops.squeeze(ops.gather(z, 1, ops.unsqueeze(inputs.labels, 1)), 1);
    const nll = ops.sub(lse, label);
    const smooth = ops.mulScalar(ops.sub(lse, ops.meanDim(z, [1])), c.smoothing);
    const plain = ops.add(ops.mulScalar(nll, 1 - c.smoothing), smooth);
    const loss = ops.add(plain, ops.mulScalar(ops.square(lse), c.zLoss));
    const weights = inputs.rowWeight ? wide(inputs.rowWeight) : ops.onesLike(loss);
    const objective = ops.mulScalar(ops.sum(ops.mul(loss, ops.detach(weights))), invN);
    const [dh, dweight] = grad([objective], [h, weight], [null]) as [Tensor, Tensor];
    const hits = item(ops.sum(ops.to(ops.eq(ops.argmax(z, 1), inputs.labels), 'float64')));
    return { ...{ nll, dh, dweight, objective, hits }, sums: ops.sum(nll) };
  });
}

/**
 * Logits are sums of `size` products of size one; exp turns their absolute error into a relative
 * one of the gradient, which meets |E| or |h| again. Results are rounded once.
 */
function agrees(c: Case): string[] {
  return scope(() => {
    const inputs = inputsOf(c);
    const exact = definition(c, inputs);
    const unit = dtypeEpsilon(c.dtype === 'float64' ? 'float64' : 'float32');
    const logit =
      4 * unit * (8 + c.size) * Math.abs(c.scale) * largest(inputs.h) * largest(inputs.weight);
    const steepest =
      2 *
      (1 + 2 * c.zLoss * 1e2) *
      c.scale *
      invN *
      (inputs.rowWeight ? largest(inputs.rowWeight) : 1);
    const wrong: string[] = [];
    onEachIsa((isa) => {
      const got = head(c, inputs);
      const check = (name: string, a: Tensor, b: Tensor, limit: number): void => {
        const off = distance(a, b);
        if (!(off <= limit)) wrong.push(`${isa}: ${name} is off by ${off}, allowed ${limit}`);
      };
      const lse = largest(exact.nll) + largest(inputs.h) * c.size;
      check('nll', got.nll, exact.nll, logit + unit * lse);
      check('sum', ops.select(got.sums, 0, 0), exact.sums, c.rows * (logit + unit * lse));
      const objective =
        (1 + 2 * c.zLoss * lse) * (logit + unit * lse) * c.rows * (steepest / c.scale);
      check('objective', ops.select(got.sums, 0, 1), exact.objective, objective);
      // A GPU rounds derivatives of logits, whose sizes add up to 2 in a row, to the type of h
      // before it multiplies them.
      const isShort = hasDevice() && c.dtype === 'bfloat16';
      const short = isShort ? (steepest * dtypeEpsilon(c.dtype)) / 4 : 0;
      const rounding = 0.51 * dtypeEpsilon(got.dh.dtype) * largest(exact.dh);
      check(
        'dh',
        got.dh,
        exact.dh,
        (steepest * (logit + 8 * unit) + short) * largest(inputs.weight) * 2 + rounding,
      );
      const rows = (steepest * (logit + 8 * unit) + short) * largest(inputs.h) * 2 * c.rows;
      check('dweight', got.dweight, exact.dweight, rows);
      const hits = item(ops.select(got.sums, 0, 2));
      if (hits !== exact.hits) wrong.push(`${isa}: ${hits} hits, not ${exact.hits}`);
    });
    return wrong;
  });
}

const plain: Case = {
  ...{ rows: 37, size: 40, vocabulary: 1000, dtype: 'float32', chunk: 0 },
  ...{ scale: 1, cap: 0, smoothing: 0, zLoss: 0, weighted: false },
};

const anyCase: fc.Arbitrary<Case> = fc.record({
  rows: fc.integer({ min: 1, max: 60 }),
  size: fc.integer({ min: 1, max: 50 }),
  vocabulary: fc.oneof(fc.integer({ min: 2, max: 300 }), fc.constantFrom(3072, 3073, 6500)),
  dtype: fc.constantFrom<DType>('float64', 'float32'),
  chunk: fc.integer({ min: 0, max: 40 }),
  scale: fc.constantFrom(1, 0.7),
  cap: fc.constantFrom(0, 5),
  smoothing: fc.constantFrom(0, 0.1),
  zLoss: fc.constantFrom(0, 1e-2),
  weighted: fc.boolean(),
});

test('the head gives loss and gradients of its definition, any size and option', (t) => {
  fc.assert(
    fc.property(anyCase, (c) => {
      const wrong = agrees(c);
      if (wrong.length > 0) throw new Error(wrong.join('\n'));
    }),
    { numRuns: 40 },
  );
  t.pass();
});

for (const cap of [0, 30]) {
  test(`the head in bfloat16 sums in float32 and rounds the gradient once: cap ${cap}`, (t) => {
    t.deepEqual(agrees({ ...plain, dtype: 'bfloat16', cap }), []);
  });
}

test('logits far apart neither overflow nor lose the loss', (t) => {
  scope(() => {
    const c = { ...plain, vocabulary: 500 };
    const inputs = inputsOf(c);
    const far = { ...inputs, h: ops.mulScalar(inputs.h, 200) };
    const [got, exact] = [head(c, far), definition(c, far)];
    t.true(largest(exact.nll) > 1000);
    const logit = 4 * dtypeEpsilon('float32') * (8 + c.size) * largest(far.h) * largest(far.weight);
    t.true(distance(got.nll, exact.nll) <= logit);
    t.true(toArray(got.dh).every(Number.isFinite));
  });
});

testOfProcessor('the size of a chunk changes no bit of loss and input gradient', (t) => {
  scope(() => {
    const inputs = inputsOf(plain);
    const whole = head(plain, inputs);
    for (const chunk of [1, 7, 36, 37, 100]) {
      const parts = head({ ...plain, chunk }, inputs);
      t.deepEqual(toBytes(parts.nll), toBytes(whole.nll), `chunk ${chunk}`);
      t.deepEqual(toBytes(parts.dh), toBytes(whole.dh), `chunk ${chunk}`);
    }
  });
});

test('evaluation without gradients gives the loss of training bit by bit', (t) => {
  scope(() => {
    for (const c of [plain, { ...plain, cap: 5 }, { ...plain, dtype: 'bfloat16' as const }]) {
      const inputs = inputsOf(c);
      const { cap } = c;
      const [nll, sums, dh] = ops.headNll(inputs.h, inputs.weight, inputs.labels, {
        invN,
        cap,
        needDh: false,
      });
      const trained = head(c, inputs);
      t.deepEqual(toBytes(nll), toBytes(trained.nll));
      t.deepEqual(toBytes(sums), toBytes(trained.sums));
      t.is(dh.numel, 0);
    }
  });
});

testOfProcessor('the head gives the same bits for any number of threads', (t) => {
  const before = threads();
  try {
    scope(() => {
      const c = { ...plain, rows: 150, vocabulary: 4000, smoothing: 0.1 };
      const inputs = inputsOf(c);
      const bytes = [1, 2, 5].map((count) => {
        setThreads(count);
        return Object.values(head(c, inputs)).map((x: Tensor) => toBytes(x));
      });
      t.deepEqual(bytes[1], bytes[0]);
      t.deepEqual(bytes[2], bytes[0]);
    });
  } finally {
    setThreads(before);
  }
});

test('a weight gradient is added to what is there', (t) => {
  scope(() => {
    const { h, weight, labels } = inputsOf(plain);
    const sum = ops.onesLike(weight);
    ops.headNll(h, weight, labels, { invN, dweight: sum });
    const { dweight } = head(plain, { h, weight, labels, rowWeight: null });
    const rounding = dtypeEpsilon('float32') * (1 + largest(dweight));
    t.true(distance(sum, ops.addScalar(dweight, 1)) <= rounding);
  });
});

test('no rows give no loss, and a gradient of no rows', (t) => {
  scope(() => {
    const c = { ...plain, rows: 0 };
    const { nll, sums, dh } = head(c, inputsOf(c));
    t.deepEqual([nll.shape, toArray(sums), dh.shape], [[0], [0, 0, 0], [0, 40]]);
  });
});

test('a NaN in one row reaches the loss of that row alone', (t) => {
  scope(() => {
    const { h, weight, labels } = inputsOf(plain);
    ops.fill_(ops.narrow(ops.narrow(h, 0, 3, 1), 1, 5, 1), Number.NaN);
    const [nll] = ops.headNll(h, weight, labels, { invN });
    t.deepEqual(
      toArray(nll).map(Number.isNaN),
      Array.from({ length: 37 }, (_, i) => i === 3),
    );
  });
});

test('the head refuses a label outside the vocabulary, with its place', (t) => {
  scope(() => {
    const { h, weight } = inputsOf({ ...plain, rows: 2 });
    for (const label of [1000, -100]) {
      if (hasDevice()) {
        // A device is not waited for: the row of the label is NaN, and nothing is read beyond the
        // others.
        const [nll, , dh] = ops.headNll(h, weight, tensor([3, label], [2], 'int64'));
        t.deepEqual(toArray(nll).map(Number.isNaN), [false, true]);
        t.deepEqual(toArray(ops.sumDim(dh, [1])).map(Number.isNaN), [false, true]);
        continue;
      }
      t.throws(() => ops.headNll(h, weight, tensor([3, label], [2], 'int64')), {
        message: new RegExp(`labels\\[1\\] is ${label}; it must be in \\[0, 1000\\)`),
      });
    }
  });
});
