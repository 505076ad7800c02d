import test from 'ava';
import { dtypeEpsilon } from '../../../worker/tensor/dtype.ts';
import { NativeError } from '../../../worker/tensor/native-error.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { item, type Tensor, tensor, toArray } from '../../../worker/tensor/tensor.ts';

const numbers = (f: () => Tensor): number[] => scope(() => toArray(f()));

test('arithmetic equals that of JavaScript', (t) => {
  const [a, b] = [
    [1, -2, 3.5],
    [4, 0.25, -8],
  ];
  const x = (): Tensor => tensor(a, [3], 'float64');
  const y = (): Tensor => tensor(b, [3], 'float64');
  const each = (f: (p: number, q: number) => number): number[] => a.map((p, i) => f(p, b[i]!));
  t.deepEqual(
    numbers(() => ops.add(x(), y())),
    each((p, q) => p + q),
  );
  t.deepEqual(
    numbers(() => ops.add(x(), y(), { alpha: 2 })),
    each((p, q) => p + 2 * q),
  );
  t.deepEqual(
    numbers(() => ops.sub(x(), y())),
    each((p, q) => p - q),
  );
  t.deepEqual(
    numbers(() => ops.mul(x(), y())),
    each((p, q) => p * q),
  );
  t.deepEqual(
    numbers(() => ops.div(x(), y())),
    each((p, q) => p / q),
  );
  t.deepEqual(
    numbers(() => ops.maximum(x(), y())),
    each(Math.max),
  );
  t.deepEqual(
    numbers(() => ops.addScalar(x(), 0.5)),
    a.map((p) => p + 0.5),
  );
});

test('a product of matrices equals three loops', (t) => {
  const [M, K, N] = [5, 7, 3];
  const a = Array.from({ length: M * K }, (_, i) => Math.sin(i));
  const b = Array.from({ length: K * N }, (_, i) => Math.cos(i));
  const c = numbers(() => ops.mm(tensor(a, [M, K], 'float64'), tensor(b, [K, N], 'float64')));
  for (let i = 0; i < M; i++) {
    for (let j = 0; j < N; j++) {
      let sum = 0;
      for (let k = 0; k < K; k++) sum += a[i * K + k]! * b[k * N + j]!;
      // K products of numbers below 1, each rounded once, summed in any order.
      t.true(Math.abs(c[i * N + j]! - sum) <= K * K * dtypeEpsilon('float64'));
    }
  }
});

test('writing in place changes the tensor and returns it', (t) => {
  scope(() => {
    const x = tensor([1, 2], [2]);
    t.is(ops.add_(x, tensor([10, 20], [2])), x);
    t.is(ops.mulScalar_(x, 2), x);
    t.deepEqual(toArray(x), [22, 44]);
  });
});

test('a whole number keeps whole tensors whole, a fraction does not', (t) => {
  scope(() => {
    const ids = tensor(Int32Array.of(3, 4), [2]);
    t.is(ops.mulScalar(ids, 2).dtype, 'int32');
    t.is(ops.mulScalar(ids, 0.5).dtype, 'float32');
    t.deepEqual(toArray(ops.mulScalar(ids, 0.5)), [1.5, 2]);
  });
});

test('negative zero keeps its sign', (t) => {
  const [value] = numbers(() => ops.fill_(tensor([1], [1]), -0));
  t.true(Object.is(value, -0));
});

test('several results come as a tuple of their names', (t) => {
  scope(() => {
    const a = tensor([2, 1, 1, 3], [2, 2], 'float64');
    const [Q, R] = ops.linalgQr(a);
    const product = toArray(ops.mm(Q, R));
    // Two products of numbers up to 4.
    for (const [i, value] of toArray(a).entries()) {
      t.true(Math.abs(product[i]! - value) < 16 * dtypeEpsilon('float64'));
    }
    const [values, indices] = ops.topk(tensor([5, 9, 1], [3]), 2);
    t.deepEqual(
      [toArray(values), toArray(indices)],
      [
        [9, 5],
        [1, 0],
      ],
    );
  });
});

test('lists go in and come out', (t) => {
  scope(() => {
    const parts = ops.split(tensor([1, 2, 3, 4, 5], [5]), 2);
    t.deepEqual(parts.map(toArray), [[1, 2], [3, 4], [5]]);
    t.deepEqual(toArray(ops.cat(parts.toReversed())), [5, 3, 4, 1, 2]);
  });
});

test('null stands for no tensor, in lists too', (t) => {
  scope(() => {
    const x = tensor([1, 2, 3, 4], [2, 2]);
    const column = tensor(BigInt64Array.of(1n), [1]);
    t.deepEqual(toArray(ops.index(x, [null, column])), [2, 4]);
    t.deepEqual(toArray(ops.linear(x, x, null)), [5, 11, 11, 25]);
  });
});

test('dtypes are names', (t) => {
  scope(() => {
    const x = ops.zeros([2, 3], { dtype: 'bfloat16' });
    t.is(x.dtype, 'bfloat16');
    t.is(ops.to(x, 'int64').dtype, 'int64');
    t.is(ops.zeros([1]).dtype, 'float32');
    t.is(ops.zerosLike(x, { dtype: 'float64' }).dtype, 'float64');
  });
});

test('grouped-head attention equals softmax(q kᵀ / √D) v', (t) => {
  const [heads, groups, T, D] = [4, 2, 5, 8];
  scope(() => {
    const wave = (count: number, rate: number): number[] =>
      Array.from({ length: count }, (_, i) => Math.sin(rate * i));
    const q = tensor(wave(heads * T * D, 0.7), [1, heads, T, D], 'float64');
    const k = tensor(wave(groups * T * D, 1.1), [1, groups, T, D], 'float64');
    const v = tensor(wave(groups * T * D, 1.7), [1, groups, T, D], 'float64');
    const fused = ops.scaledDotProductAttention(q, k, v, null, 0, true, { enableGqa: true });
    const wide = (x: Tensor): Tensor => ops.repeatInterleave(x, heads / groups, 1);
    const scores = ops.mulScalar(ops.matmul(q, ops.transpose(wide(k), -2, -1)), D ** -0.5);
    const hidden = ops.triu(ops.ones([T, T], { dtype: 'bool' }), 1);
    const masked = ops.maskedFill(scores, hidden, -Infinity);
    const plain = ops.matmul(ops.softmax(masked, -1), wide(v));
    // Sums of D and T terms below 1, rounded once each.
    const tolerance = 4 * (D + T) * dtypeEpsilon('float64');
    t.true(item(ops.amax(ops.abs(ops.sub(fused, plain)))) < tolerance);
  });
});

test('refusals of libtorch are one line with the name of the operator, and keep the rest', (t) => {
  scope(() => {
    const x = tensor([1, 2, 3, 4, 5, 6], [2, 3]);
    const error = t.throws(() => ops.mm(x, x), { instanceOf: NativeError });
    t.regex(
      error?.message ?? '',
      /^aten::mm: .*mat1 and mat2 shapes cannot be multiplied \(2x3 and 2x3\)$/,
    );
    t.is(error?.operator, 'aten::mm');
    t.is(error?.code, 'ERR_TORCH');
    t.regex(error?.detail ?? '', /Exception raised from/);
    t.throws(() => ops.add(x, tensor([1, 2], [2])), {
      message:
        'aten::add.Tensor: The size of tensor a (3) must match the size of tensor b (2) at non-singleton dimension 1',
    });
  });
});

test('an operator works after any refusal', (t) => {
  scope(() => {
    const x = tensor([1, 2], [2]);
    for (let i = 0; i < 100; i++) {
      t.throws(() => ops.mm(x, x));
      t.deepEqual(toArray(ops.neg(x)), [-1, -2]);
    }
  });
});

test('memory that the machine does not have is a failure of its own', (t) => {
  t.throws(() => ops.empty([2 ** 50]), { code: 'E_HOST_OUT_OF_MEMORY', message: /^aten::empty/ });
});

test('a device that is not there is a sentence', (t) => {
  t.throws(() => ops.zeros([1], { device: 'cuda:0' }), {
    message: /^aten::zeros: .*(CUDA|NVIDIA)/,
  });
});

test('packed weights of oneDNN give the same product', (t) => {
  scope(() => {
    const x = tensor(
      Array.from({ length: 64 * 32 }, (_, i) => Math.sin(i)),
      [64, 32],
    );
    const w = tensor(
      Array.from({ length: 16 * 32 }, (_, i) => Math.cos(i)),
      [16, 32],
    );
    const packed = ops.mkldnnReorderLinearWeight(w, 64);
    const product = ops.mkldnnLinearPointwise(x, packed, null, 'none', [], '');
    const largest = item(ops.amax(ops.abs(ops.sub(product, ops.linear(x, w)))));
    // 32 products of numbers below 1.
    t.true(largest < 32 * 4 * dtypeEpsilon('float32'));
  });
});
