// T tokens · S tokens of keys · NH query heads · NK key/value heads · D head size
import test from 'ava';
import fc from 'fast-check';
import type { DType } from '../../../worker/tensor/dtype.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { type Tensor, tensor, toBytes } from '../../../worker/tensor/tensor.ts';
import { hasDevice } from '../../builders/emulated-device.ts';
import {
  arithmeticEpsilon,
  bytesByThreads,
  distance,
  draw,
  dtypesUnderTest,
  largest,
  longestRow,
  onEachIsa,
  type Run,
  run,
  storedError,
  wide,
} from './compare.ts';

interface Case {
  readonly name: string;
  readonly lengths: readonly number[];
  readonly heads: readonly [NH: number, NK: number];
  readonly D: number;
  readonly window?: number;
  readonly cap?: number;
  /** Tokens behind the last document. */
  readonly rest?: number;
  /** Each query sees the whole of its document. */
  readonly full?: true;
  /** Lengths of the keys' documents, where they are not those of the queries. */
  readonly keys?: readonly number[];
  readonly keyRest?: number;
}

const cases: readonly Case[] = [
  { name: 'one token', lengths: [1], heads: [3, 1], D: 8 },
  { name: 'one whole block', lengths: [64], heads: [2, 2], D: 16 },
  { name: 'one row more than a block', lengths: [65], heads: [3, 1], D: 64 },
  { name: 'three documents, one of one token', lengths: [200, 1, 130], heads: [9, 3], D: 64 },
  { name: 'padding behind the documents', lengths: [100, 30], heads: [4, 2], D: 80, rest: 7 },
  { name: 'only padding', lengths: [], heads: [2, 1], D: 8, rest: 5 },
  { name: 'no token', lengths: [], heads: [2, 1], D: 8 },
  { name: 'empty documents', lengths: [0, 17, 0, 0, 3], heads: [2, 1], D: 33 },
  { name: 'many tiny documents', lengths: [1, 1, 1, 2, 3, 1, 4, 1, 1, 7, 1], heads: [6, 2], D: 24 },
  { name: 'window 1', lengths: [150, 70], heads: [4, 1], D: 36, window: 1 },
  { name: 'window 2 on short documents', lengths: [17, 3], heads: [2, 1], D: 32, window: 2 },
  { name: 'a window shorter than a block', lengths: [150, 70], heads: [4, 1], D: 36, window: 5 },
  { name: 'a window of a block', lengths: [300], heads: [2, 1], D: 32, window: 64 },
  { name: 'a window longer than a block', lengths: [300], heads: [2, 1], D: 32, window: 100 },
  { name: 'a window longer than the text', lengths: [70], heads: [2, 1], D: 32, window: 1000 },
  { name: 'a cap', lengths: [130, 5], heads: [4, 2], D: 32, cap: 5 },
  { name: 'a cap and a window', lengths: [129], heads: [4, 1], D: 200, window: 70, cap: 3 },
  { name: 'heads of 256', lengths: [129], heads: [4, 4], D: 256 },
  { name: 'heads of 128 shared by twelve', lengths: [140], heads: [12, 1], D: 128 },
  { name: 'heads of one value', lengths: [150], heads: [5, 1], D: 1 },
  { name: 'full: one token', lengths: [1], heads: [3, 1], D: 8, full: true },
  { name: 'full: one whole block', lengths: [64], heads: [2, 2], D: 16, full: true },
  { name: 'full: three documents', lengths: [200, 1, 130], heads: [9, 3], D: 64, full: true },
  { name: 'full: padding', lengths: [100, 0, 30], heads: [4, 2], D: 80, rest: 7, full: true },
  { name: 'full: only padding', lengths: [], heads: [2, 1], D: 8, rest: 5, full: true },
  { name: 'full: tiny documents', lengths: [1, 2, 3, 1, 0, 4], heads: [6, 2], D: 24, full: true },
  { name: 'full: a cap', lengths: [130, 5], heads: [4, 2], D: 32, cap: 5, full: true },
  { name: 'full: heads of 256', lengths: [65], heads: [2, 1], D: 256, full: true },
  { name: 'more keys', lengths: [20, 3], keys: [150, 70], heads: [4, 4], D: 32, full: true },
  { name: 'fewer keys', lengths: [150, 70], keys: [1, 65], heads: [4, 2], D: 36, full: true },
  {
    name: 'documents without keys or queries',
    ...{ lengths: [7, 0, 66, 0, 5], keys: [0, 9, 65, 0, 3], heads: [4, 2], D: 24, full: true },
    ...{ rest: 3, keyRest: 70 },
  },
  { name: 'no key at all', lengths: [9, 4], keys: [0, 0], heads: [2, 1], D: 8, full: true },
  { name: 'no query at all', lengths: [0, 0], keys: [9, 4], heads: [2, 1], D: 8, full: true },
  { name: 'keys and a cap', lengths: [70], keys: [129], heads: [2, 1], D: 200, cap: 3, full: true },
];

function offsetsOf(lengths: readonly number[]): Int32Array {
  const offsets = new Int32Array(lengths.length + 1);
  for (const [i, length] of lengths.entries()) offsets[i + 1] = (offsets[i] ?? 0) + length;
  return offsets;
}

/** The definition, document by document, with the whole matrix of scores. */
function reference(q: Tensor, k: Tensor, v: Tensor, c: Case, scale: number): Tensor {
  const [NH, NK] = c.heads;
  const offsets = offsetsOf(c.lengths);
  const keyLengths = c.keys ?? c.lengths;
  const keyOffsets = offsetsOf(keyLengths);
  const heads = (x: Tensor, from: number, length: number, repeats: number): Tensor =>
    ops.repeatInterleave(ops.transpose(ops.narrow(x, 0, from, length), 0, 1), repeats, 0);
  const parts = c.lengths.flatMap((length, i) => {
    const from = offsets[i] ?? 0;
    const [keysFrom, keyLength] = [keyOffsets[i] ?? 0, keyLengths[i] ?? 0];
    if (length === 0) return [];
    if (keyLength === 0) return [ops.mulScalar(ops.narrow(q, 0, from, length), 0)];
    const keys = heads(k, keysFrom, keyLength, NH / NK);
    const products = ops.matmul(heads(q, from, length, 1), ops.transpose(keys, 1, 2));
    let scores = ops.mulScalar(products, scale);
    if (c.cap !== undefined) {
      scores = ops.mulScalar(ops.tanh(ops.divScalar(scores, c.cap)), c.cap);
    }
    if (c.full !== true) {
      scores = ops.maskedFill(scores, forbidden(length, c.window), Number.NEGATIVE_INFINITY);
    }
    const out = ops.matmul(ops.softmax(scores, -1), heads(v, keysFrom, keyLength, NH / NK));
    return [ops.transpose(out, 0, 1)];
  });
  const covered = offsets.at(-1) ?? 0;
  return ops.cat([...parts, ops.mulScalar(ops.narrow(q, 0, covered, c.rest ?? 0), 0)], 0);
}

function forbidden(length: number, window = length): Tensor {
  const bits = new Uint8Array(length * length);
  for (let i = 0; i < length; i++) {
    for (let j = 0; j < length; j++) bits[i * length + j] = j > i || j <= i - window ? 1 : 0;
  }
  return ops.to(tensor(bits, [length, length]), 'bool');
}

interface Inputs {
  readonly qkv: readonly [Tensor, Tensor, Tensor];
  readonly seed: Tensor;
  readonly offsets: Tensor;
  /** Of the keys' documents; null: those of the queries. */
  readonly keyOffsets: Tensor | null;
  readonly scale: number;
}

function inputsOf(c: Case, dtype: DType): Inputs {
  const [NH, NK] = c.heads;
  const offsets = offsetsOf(c.lengths);
  const T = (offsets.at(-1) ?? 0) + (c.rest ?? 0);
  const keyOffsets = c.keys === undefined ? null : offsetsOf(c.keys);
  const S = keyOffsets === null ? T : (keyOffsets.at(-1) ?? 0) + (c.keyRest ?? 0);
  return {
    qkv: [
      draw('q', [T, NH, c.D], dtype),
      draw('k', [S, NK, c.D], dtype),
      draw('v', [S, NK, c.D], dtype),
    ],
    seed: draw('seed', [T, NH, c.D], dtype),
    offsets: tensor(offsets, [offsets.length]),
    keyOffsets: keyOffsets && tensor(keyOffsets, [keyOffsets.length]),
    scale: 2 / Math.sqrt(c.D),
  };
}

function kernel({ qkv, seed, offsets, keyOffsets, scale }: Inputs, c: Case): Run {
  const attention = (q: Tensor, k: Tensor, v: Tensor): Tensor =>
    ops.attention(q, k, v, offsets, scale, c.window ?? 0, c.cap ?? 0, {
      causal: c.full !== true,
      cuK: keyOffsets,
    });
  return run((q, k, v) => attention(q as Tensor, k as Tensor, v as Tensor), qkv, [seed]);
}

function exact({ qkv, seed, scale }: Inputs, c: Case): Run {
  return run(
    (q, k, v) => reference(q as Tensor, k as Tensor, v as Tensor, c, scale),
    qkv.map(wide),
    [wide(seed)],
  );
}

/**
 * Bounds of |error| of out, dq, dk, dv. A score is off by e = eps (sqrt(D) + |score|) of its size,
 * so a weight by e of itself; sums add eps sqrt(T). dP - delta is at most twice |dO| |v|; keys
 * gather over `reach`, the largest sum of weights that one key gets. bfloat16 rounds results, and
 * `out` inside delta.
 */
function bounds({ qkv, seed, scale }: Inputs, c: Case, dtype: DType): readonly number[] {
  const [q, k, v] = qkv;
  const top = scale * longestRow(q) * longestRow(k);
  const T = Math.max(q.shape[0] ?? 0, k.shape[0] ?? 0);
  const e =
    4 * arithmeticEpsilon(dtype) * (Math.sqrt(c.D) * (1 + top) + Math.sqrt(T)) +
    2 * storedError(dtype);
  const ones = { qkv: [q, k, ops.onesLike(v)], seed: ops.onesLike(seed), scale } as const;
  const weights = exact({ ...ones, offsets: q, keyOffsets: null }, c).gradients[2] as Tensor;
  const reach = Math.max(1, largest(weights));
  const slope = 2 * scale * longestRow(seed) * longestRow(v);
  return [
    e * largest(v),
    e * slope * largest(k),
    e * slope * largest(q) * reach,
    e * largest(seed) * reach,
  ];
}

/** What exceeds its bound, or has another type, on any instruction set. */
function wrong(c: Case, dtype: DType): readonly string[] {
  return scope(() => {
    const inputs = inputsOf(c, dtype);
    const expected = exact(inputs, c);
    const limits = bounds(inputs, c, dtype);
    const found: string[] = [];
    onEachIsa((isa) => {
      const got = kernel(inputs, c);
      for (const [i, ours] of [...got.outputs, ...got.gradients].entries()) {
        const theirs = [...expected.outputs, ...expected.gradients][i] as Tensor;
        const off = distance(ours, theirs);
        const isRight = ours.dtype === dtype && off <= (limits[i] ?? 0);
        if (!isRight) found.push(`${isa}, tensor ${i}: off by ${off}, bound ${limits[i]}`);
      }
    });
    return found;
  });
}

for (const c of cases) {
  for (const dtype of dtypesUnderTest) {
    test(`attention equals its definition, forward and backward: ${c.name}, ${dtype}`, (t) => {
      t.deepEqual(wrong(c, dtype), []);
    });
  }
}

test('attention equals its definition for documents of any lengths', (t) => {
  const pairs = fc.array(fc.tuple(fc.nat(90), fc.nat(90)), { minLength: 1, maxLength: 6 });
  const mode = fc.constantFrom('causal', 'full', 'cross');
  const some = fc.record({
    pairs,
    mode,
    NK: fc.integer({ min: 1, max: 3 }),
    D: fc.integer({ min: 1, max: 70 }),
  });
  const check = fc.property(some, ({ pairs, mode, NK, D }) => {
    const lengths = pairs.map(([queries]) => queries);
    const keys = pairs.map(([, keys]) => keys);
    const c: Case = {
      ...{ name: '', lengths, heads: [2 * NK, NK], D, rest: 2 },
      ...(mode === 'causal' ? {} : { full: true }),
      ...(mode === 'cross' ? { keys, keyRest: 1 } : {}),
    };
    t.deepEqual(wrong(c, 'float32'), []);
  });
  fc.assert(check, { numRuns: hasDevice() ? 3 : 15 });
});

test('attention gives the same bits for any number of threads', (t) => {
  scope(() => {
    const names = [
      ...['three documents, one of one token', 'a window longer than a block'],
      ...['full: three documents', 'documents without keys or queries', 'more keys'],
    ];
    for (const name of names) {
      const c = cases.find((one) => one.name === name) as Case;
      for (const dtype of dtypesUnderTest) {
        const inputs = inputsOf(c, dtype);
        const [one, ...others] = bytesByThreads([1, 2, 3, 7], () => kernel(inputs, c));
        for (const other of others) t.deepEqual(other, one);
      }
    }
  });
});

test('a document gives the same bits alone and inside a packed sequence', (t) => {
  scope(() => {
    const whole: Case = { name: '', lengths: [70, 133, 20], heads: [6, 2], D: 64 };
    const inputs = inputsOf(whole, 'bfloat16');
    const part = (x: Tensor): Tensor => ops.narrow(x, 0, 70, 133);
    const [q, k, v] = inputs.qkv;
    const alone = kernel(
      {
        ...inputs,
        qkv: [part(q), part(k), part(v)],
        seed: part(inputs.seed),
        offsets: tensor(Int32Array.of(0, 133), [2]),
      },
      whole,
    );
    const inside = kernel(inputs, whole);
    const parts = [...inside.outputs, ...inside.gradients].map((x) => toBytes(part(x)));
    t.deepEqual([...alone.outputs, ...alone.gradients].map(toBytes), parts);
  });
});

test('documents that pair with other numbers of keys have the bits that they have alone', (t) => {
  if (hasDevice()) {
    // Blocks of a device cut the packed sequence: tiles of keys begin where its first row's do.
    t.pass();
    return;
  }
  scope(() => {
    const whole: Case = {
      ...{ name: '', lengths: [70, 133, 20], keys: [9, 150, 200], heads: [6, 2], D: 64 },
      full: true,
    };
    for (const dtype of dtypesUnderTest) {
      const inputs = inputsOf(whole, dtype);
      const [q, k, v] = inputs.qkv;
      const mine = (x: Tensor): Tensor => ops.narrow(x, 0, 70, 133);
      const keys = (x: Tensor): Tensor => ops.narrow(x, 0, 9, 150);
      const alone = kernel(
        {
          ...{ qkv: [mine(q), keys(k), keys(v)], seed: mine(inputs.seed), scale: inputs.scale },
          offsets: tensor(Int32Array.of(0, 133), [2]),
          keyOffsets: tensor(Int32Array.of(0, 150), [2]),
        },
        whole,
      );
      const inside = kernel(inputs, whole);
      const [dq, dk, dv] = inside.gradients as [Tensor, Tensor, Tensor];
      const parts = [...inside.outputs.map(mine), mine(dq), keys(dk), keys(dv)];
      t.deepEqual([...alone.outputs, ...alone.gradients].map(toBytes), parts.map(toBytes));
    }
  });
});

test('keys that lie as queries do give the same bits with offsets of their own and without', (t) => {
  scope(() => {
    const c: Case = { name: '', lengths: [70, 0, 133], heads: [6, 2], D: 40, rest: 3, full: true };
    for (const dtype of dtypesUnderTest) {
      const inputs = inputsOf(c, dtype);
      const own = kernel({ ...inputs, keyOffsets: inputs.offsets }, c);
      const shared = kernel(inputs, c);
      t.deepEqual(
        [...own.outputs, ...own.gradients].map(toBytes),
        [...shared.outputs, ...shared.gradients].map(toBytes),
      );
    }
  });
});

test('attention reads views of one fused product in place', (t) => {
  scope(() => {
    const c: Case = { name: '', lengths: [90], heads: [4, 2], D: 32 };
    const inputs = inputsOf(c, 'float32');
    const fused = ops.cat(
      inputs.qkv.map((x) => ops.flatten(x, 1, 2)),
      1,
    );
    const parts = ops.splitSizes(fused, [128, 64, 64], 1);
    const views = parts.map((x, i) => ops.unflatten(x, 1, [i === 0 ? 4 : 2, 32]));
    const got = kernel({ ...inputs, qkv: views as unknown as Inputs['qkv'] }, c);
    const plain = kernel(inputs, c);
    t.deepEqual(
      [...got.outputs, ...got.gradients].map(toBytes),
      [...plain.outputs, ...plain.gradients].map(toBytes),
    );
  });
});

test('NaN and infinity in a document stay in that document', (t) => {
  scope(() => {
    const c: Case = { name: '', lengths: [40, 40], heads: [1, 1], D: 8 };
    const inputs = inputsOf(c, 'float32');
    const bad = tensor(
      Array.from({ length: 80 }, (_, i) => (i === 20 ? Number.NaN : 0)),
      [80, 1, 1],
    );
    const [q, k, v] = inputs.qkv;
    const got = kernel({ ...inputs, qkv: [q, ops.add(k, bad), v] }, c).outputs[0] as Tensor;
    const isBad = ops.isnan(ops.select(ops.select(got, 1, 0), 1, 0));
    t.deepEqual(
      Array.from(toBytes(isBad)),
      Array.from({ length: 80 }, (_, i) => (i >= 20 && i < 40 ? 1 : 0)),
    );
  });
});

test('attention refuses what it cannot read, with the reason', (t) => {
  scope(() => {
    const [q, k] = [draw('q', [4, 4, 8], 'float32'), draw('k', [4, 2, 8], 'float32')];
    const offsets = (...values: number[]): Tensor =>
      tensor(Int32Array.from(values), [values.length]);
    const call = (heads: Tensor, cu: Tensor, window = 0): Tensor =>
      ops.attention(q, heads, heads, cu, 1, window);
    t.throws(() => call(draw('k', [4, 3, 8], 'float32'), offsets(0, 4)), { message: /multiple/ });
    // A device is not waited for: it trusts the values of the offsets.
    if (!hasDevice()) {
      t.throws(() => call(k, offsets(0, 5)), { message: /at most the 4 tokens/ });
      t.throws(() => call(k, offsets(3, 2)), { message: /ascend/ });
    }
    t.throws(() => call(ops.to(k, 'bfloat16'), offsets(0, 4)), { message: /alike/ });
    t.throws(() => call(k, ops.to(offsets(0, 4), 'int64')), { message: /int32/ });
    t.throws(() => call(k, offsets(0, 4), -1), { message: /window is -1/ });

    const longer = draw('k', [7, 2, 8], 'float32');
    const full = (keys: Tensor, options: { causal?: boolean; cuK?: Tensor }, window = 0) =>
      ops.attention(q, keys, keys, offsets(0, 4), 1, window, 0, { causal: false, ...options });
    t.throws(() => full(k, {}, 3), { message: /window is 3 and attention is not causal/ });
    t.throws(() => full(longer, {}), { message: /k has 7 tokens and q has 4.*need cu_k/ });
    const cuK = offsets(0, 7);
    t.throws(() => full(longer, { causal: true, cuK }), { message: /needs causal to be false/ });
    t.throws(() => full(longer, { cuK: offsets(0, 3, 7) }), {
      message: /cu_k has 2 documents and cu has 1; they pair by index/,
    });
    t.throws(() => full(longer, { cuK: ops.to(cuK, 'int64') }), { message: /cu_k is .*int32/ });
    if (!hasDevice()) {
      const message = /cu_k\[1\] is 8.*at most the 7 tokens/;
      t.throws(() => full(longer, { cuK: offsets(0, 8) }), { message });
    }
    t.deepEqual(full(longer, { cuK }).shape, [4, 4, 8]);
  });
});
