import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { type DType, dtypeBytes, dtypes } from '../../../worker/tensor/dtype.ts';
import { liveHandles, memoryStatistics } from '../../../worker/tensor/memory.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import {
  fromBytes,
  item,
  mapFile,
  moveStorage,
  releasePages,
  type Tensor,
  tensor,
  toArray,
  toBytes,
} from '../../../worker/tensor/tensor.ts';

// Small whole numbers that every type holds exactly.
const exact: Readonly<Record<DType, readonly number[]>> = {
  float32: [0, -1.5, 3e20],
  float64: [0.1, -1e300, 5e-324],
  bfloat16: [0, -1.5, 2 ** 100],
  float16: [0, -1.5, 65504],
  uint8: [0, 1, 255],
  int8: [-128, 0, 127],
  int16: [-32768, 0, 32767],
  int32: [-(2 ** 31), 0, 2 ** 31 - 1],
  int64: [-(2 ** 53), 0, 2 ** 53],
  bool: [0, 1, 1],
  float8_e4m3fn: [0, -1.5, 448],
  float8_e5m2: [0, -1.5, 57344],
};

for (const dtype of dtypes) {
  test(`${dtype} comes back from a tensor as it went in, as numbers and as bytes`, (t) => {
    scope(() => {
      const x = tensor(exact[dtype], [3], dtype);
      t.is(x.dtype, dtype);
      t.is(x.bytes, 3 * dtypeBytes(dtype));
      // float32 and the like round what they are given; here nothing is to round but 3e20.
      const expected = dtype === 'float32' ? exact[dtype].map(Math.fround) : exact[dtype];
      t.deepEqual(toArray(x), expected);
      const bytes = toBytes(x);
      t.is(bytes.length, x.bytes);
      t.deepEqual(toBytes(fromBytes(bytes, [3], dtype)), bytes);
    });
  });
}

test('shape, dtype, device and sizes describe a tensor', (t) => {
  using x = tensor([1, 2, 3, 4, 5, 6], [2, 3]);
  t.deepEqual(x.shape, [2, 3]);
  t.is(x.dtype, 'float32');
  t.is(x.device, 'cpu');
  t.is(x.numel, 6);
  t.is(`${x}`, 'Tensor(float32 [2, 3] cpu)');
});

test('a tensor without elements and one without dimensions are tensors', (t) => {
  using empty = tensor([], [0, 4]);
  t.deepEqual(toArray(empty), []);
  t.is(empty.numel, 0);
  using scalar = tensor([7], []);
  t.deepEqual(scalar.shape, []);
  t.is(item(scalar), 7);
});

for (const array of [
  Float32Array.of(1, 2),
  Float64Array.of(1, 2),
  Uint8Array.of(1, 2),
  Int8Array.of(1, 2),
  Int16Array.of(1, 2),
  Int32Array.of(1, 2),
  BigInt64Array.of(1n, 2n),
]) {
  test(`a ${array.constructor.name} makes a tensor of its own type`, (t) => {
    using x = tensor(array, [2]);
    t.deepEqual(toArray(x), [1, 2]);
    t.is(x.bytes, array.byteLength);
    using y = tensor(array, [2], 'bfloat16');
    t.deepEqual(toArray(y), [1, 2]);
  });
}

test('a view of a larger buffer is read where it begins', (t) => {
  using x = tensor(Float32Array.of(9, 1, 2, 9).subarray(1, 3), [2]);
  t.deepEqual(toArray(x), [1, 2]);
});

test('a transposed tensor is read in row order', (t) => {
  t.deepEqual(
    scope(() => toArray(ops.t(tensor([1, 2, 3, 4, 5, 6], [2, 3])))),
    [1, 4, 2, 5, 3, 6],
  );
});

test('too few bytes for a shape are refused with both numbers', (t) => {
  t.throws(() => tensor([1, 2, 3], [2, 2]), {
    message: 'the buffer has 12 bytes; the shape [2, 2] of Float needs 16',
  });
});

test('a fraction where libtorch wants a whole number is refused', (t) => {
  using x = tensor([1, 2], [2]);
  t.throws(() => ops.select(x, 0, 0.5), {
    message: "aten::select.int: argument 'index': expected an integer, not 0.5",
  });
});

test('item reads one element and refuses more', (t) => {
  using x = tensor([1, 2], [2]);
  t.throws(() => item(x), { message: 'item reads one element; the tensor has 2' });
});

test('a released tensor is a sentence, not a crash, also when its slot has a new tenant', (t) => {
  const old = tensor([1], [1]);
  old.dispose();
  old.dispose();
  using tenant = tensor([2], [1]);
  t.not(tenant.handle, old.handle);
  t.throws(() => ops.neg(old), {
    message: "aten::neg: argument 'self': this tensor was released",
  });
  t.throws(() => toBytes(old), { message: 'this tensor was released' });
  t.deepEqual(toArray(tenant), [2]);
});

test('handles are positive 31-bit integers, each of its own', (t) => {
  const before = liveHandles();
  const made = Array.from({ length: 5000 }, () => tensor([1], [1]));
  t.is(liveHandles() - before, 5000);
  t.is(new Set(made.map((x) => x.handle)).size, 5000);
  t.true(made.every((x) => x.handle > 0 && x.handle < 2 ** 31 && Number.isInteger(x.handle)));
  for (const x of made) x.dispose();
  t.is(liveHandles(), before);
});

test('making and freeing tensors in any order never confuses one with another', (t) => {
  const actions = fc.array(fc.record({ free: fc.boolean(), which: fc.nat({ max: 30 }) }), {
    maxLength: 60,
  });
  fc.assert(
    fc.property(actions, (steps) => {
      const alive = new Map<number, Tensor>();
      for (const [i, { free, which }] of steps.entries()) {
        const key = Array.from(alive.keys())[which % Math.max(1, alive.size)];
        if (free && key !== undefined) {
          alive.get(key)?.dispose();
          alive.delete(key);
        } else {
          alive.set(i, tensor([i], [1]));
        }
      }
      for (const [value, x] of alive) t.is(item(x), value);
      for (const x of alive.values()) x.dispose();
    }),
    { numRuns: 40 },
  );
});

function withFile(bytes: Uint8Array, body: (path: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), 'anneal-map-'));
  try {
    writeFileSync(join(folder, 'file'), bytes);
    body(join(folder, 'file'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('a mapped file is its bytes; slices of it become typed tensors without a copy', (t) => {
  const numbers = Float32Array.from({ length: 4096 }, (_, i) => i);
  withFile(new Uint8Array(numbers.buffer), (path) => {
    scope(() => {
      const before = memoryStatistics().tensorBytes;
      const file = mapFile(path);
      t.is(file.dtype, 'uint8');
      t.deepEqual(file.shape, [numbers.byteLength]);
      const slice = ops.viewDtype(ops.narrow(file, 0, 400, 1600), 'float32');
      t.is(memoryStatistics().tensorBytes, before);
      t.deepEqual(toArray(slice), Array.from(numbers.subarray(100, 500)));
    });
  });
});

test('writing to a mapped tensor does not reach the file, and dropped pages read the file again', (t) => {
  const page = 1 << 16; // a whole number of pages of any machine
  withFile(new Uint8Array(3 * page).fill(7), (path) => {
    scope(() => {
      const first = mapFile(path);
      ops.fill_(first, 1);
      const second = mapFile(path);
      t.is(item(ops.amax(second, [0])), 7);
      t.is(releasePages(ops.narrow(first, 0, 1, 100)), 0); // no whole page
      t.is(releasePages(ops.narrow(first, 0, page, page)), page);
      t.is(item(ops.select(first, 0, page + 5)), 7);
      t.is(item(ops.select(first, 0, 5)), 1);
    });
  });
});

test('dropping the pages of an ordinary tensor does nothing', (t) => {
  using x = ops.full([1 << 20], 3, { dtype: 'float32' });
  t.is(releasePages(x), 0);
  using smallest = ops.amin(x);
  t.is(item(smallest), 3);
});

test('a file that is absent, empty or a folder is a sentence', (t) => {
  const absent = join(tmpdir(), 'anneal-no-such-file');
  t.throws(() => mapFile(absent), { message: `${absent}: No such file or directory` });
  t.throws(() => mapFile(tmpdir()), { message: `${tmpdir()} is not a file` });
  withFile(new Uint8Array(0), (path) => {
    t.throws(() => mapFile(path), { message: `${path} is empty` });
  });
});

test('a tensor and its views take the memory of another over, which has none then', (t) => {
  scope(() => {
    const to = ops.ones([512, 512]);
    const view = ops.view(to, [-1]);
    const from = ops.full([512, 512], 7, { dtype: 'float32' });
    const before = memoryStatistics().tensorBytes;
    moveStorage(to, from);
    t.is(before - memoryStatistics().tensorBytes, 4 * 512 * 512, 'what it had is given back');
    from.dispose();
    t.is(item(ops.sum(view)), 7 * 512 * 512);
  });
});

test('memory moves between whole tensors of one kind only', (t) => {
  scope(() => {
    const to = ops.zeros([2, 2]);
    for (const other of [
      ops.zeros([4]),
      ops.zeros([2, 2], { dtype: 'int32' }),
      ops.view(to, [2, 2]),
    ]) {
      t.throws(() => moveStorage(to, other), { message: /different tensors of one shape, type/ });
    }
    for (const part of [
      ops.narrow(ops.zeros([3, 2]), 0, 1, 2),
      ops.transpose(ops.zeros([2, 2]), 0, 1),
    ]) {
      t.throws(() => moveStorage(to, part), { message: /only the memory of whole tensors moves/ });
    }
    t.deepEqual(toArray(to), [0, 0, 0, 0]);
  });
});
