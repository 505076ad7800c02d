import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { UserError } from '../../../crds/failures/errors.ts';
import { openSafetensors, writeSafetensors } from '../../../worker/files/safetensors.ts';
import { splitShards, writeSafetensorsModel } from '../../../worker/files/safetensors-model.ts';
import { type DType, dtypes } from '../../../worker/tensor/dtype.ts';
import { liveHandles } from '../../../worker/tensor/memory.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { normal } from '../../../worker/tensor/rng.ts';
import { keep, scope } from '../../../worker/tensor/scope.ts';
import { streamOf } from '../../../worker/tensor/streams.ts';
import { fromBytes, type Tensor, tensor, toArray, toBytes } from '../../../worker/tensor/tensor.ts';

let folder = '';
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-safetensors-'));
});
test.after.always(() => rm(folder, { recursive: true, force: true }));

const counting = (size: number): Tensor =>
  tensor(
    Array.from({ length: size }, (_, i) => i),
    [size],
  );

test('tensors of every type and shape come back bit for bit', async (t) => {
  const path = join(folder, 'all.safetensors');
  const tensors = new Map<string, Tensor>();
  for (const dtype of dtypes) {
    tensors.set(`${dtype}.matrix`, ops.to(ops.view(counting(15), [3, 5]), dtype));
    tensors.set(`${dtype}.scalar`, ops.view(ops.to(counting(1), dtype), []));
    tensors.set(`${dtype}.empty`, ops.to(tensor([], [0, 7]), dtype));
  }
  await writeSafetensors(path, tensors);
  using file = openSafetensors(path);
  t.is(file.header.tensors.size, tensors.size);
  t.is(file.header.dataStart % 8, 0);
  for (const [name, original] of tensors) {
    const loaded = file.load(name);
    t.deepEqual([loaded.shape, loaded.dtype], [original.shape, original.dtype], name);
    t.deepEqual(toBytes(loaded), toBytes(original), name);
  }
});

test('the digest and the size that are reported are those of the file', async (t) => {
  const path = join(folder, 'digest.safetensors');
  const { bytes, sha256 } = await writeSafetensors(path, new Map([['w', counting(1000)]]));
  const content = await readFile(path);
  t.is(content.length, bytes);
  t.is(createHash('sha256').update(content).digest('hex'), sha256);
});

test('rows are cut out of the file, in the type that is asked for', async (t) => {
  const path = join(folder, 'rows.safetensors');
  await writeSafetensors(path, new Map([['w', ops.view(counting(20), [5, 4])]]));
  using file = openSafetensors(path);
  t.deepEqual(toArray(file.load('w', { rows: [1, 3] })), [4, 5, 6, 7, 8, 9, 10, 11]);
  const half = file.load('w', { rows: [4, 5], dtype: 'bfloat16' });
  t.deepEqual([half.dtype, ...half.shape], ['bfloat16', 1, 4]);
  t.deepEqual(file.load('w', { rows: [2, 2] }).shape, [0, 4]);
});

test('a file whose data are not aligned is read as well', async (t) => {
  const path = join(folder, 'odd.safetensors');
  const entries = '"f":{"dtype":"F32","shape":[2],"data_offsets":[1,9]}';
  const header = Buffer.from(`{"b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},${entries}}`);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const values = Buffer.from(new Float32Array([1.5, -2]).buffer);
  await writeFile(path, Buffer.concat([length, header, Buffer.of(9), values]));
  using file = openSafetensors(path);
  t.deepEqual(toArray(file.load('f')), [1.5, -2]);
});

test('loading frees everything but its result, and closing leaves results readable', async (t) => {
  const path = join(folder, 'life.safetensors');
  await writeSafetensors(path, new Map([['w', counting(6)]]));
  const before = liveHandles();
  const file = openSafetensors(path);
  const loaded = file.load('w', { rows: [1, 4], dtype: 'float64' });
  const mapped = file.load('w');
  file[Symbol.dispose]();
  t.is(liveHandles() - before, 2);
  t.deepEqual(toArray(loaded), [1, 2, 3]);
  t.deepEqual(toArray(mapped), [0, 1, 2, 3, 4, 5]);
  loaded.dispose();
  mapped.dispose();
});

test('a planned tensor is made when it is written and must be as promised', async (t) => {
  const path = join(folder, 'planned.safetensors');
  const make = () => ops.to(counting(4), 'bfloat16');
  await writeSafetensors(path, new Map([['w', { shape: [4], dtype: 'bfloat16', make } as const]]));
  using file = openSafetensors(path);
  t.deepEqual(toArray(file.load('w')), [0, 1, 2, 3]);
  const lie = new Map([['w', { shape: [5], dtype: 'bfloat16', make } as const]]);
  await t.throwsAsync(writeSafetensors(join(folder, 'lie.safetensors'), lie), {
    message: /w was planned as bfloat16 \[5\]/,
  });
});

test('a write that fails leaves neither the file nor a piece of it', async (t) => {
  const place = await mkdtemp(join(folder, 'failed-'));
  const make = (): Tensor => {
    throw new Error('no such weight');
  };
  const tensors = new Map([['w', { shape: [4], dtype: 'float32', make } as const]]);
  await t.throwsAsync(writeSafetensors(join(place, 'a.safetensors'), tensors), {
    message: 'no such weight',
  });
  t.deepEqual(await readdir(place), []);
});

test('a stop is heard between two tensors', async (t) => {
  const place = await mkdtemp(join(folder, 'stopped-'));
  const controller = new AbortController();
  const make = () => {
    controller.abort();
    return counting(4);
  };
  const tensors = new Map([
    ['a', { shape: [4], dtype: 'float32', make } as const],
    ['b', { shape: [4], dtype: 'float32', make } as const],
  ]);
  const write = writeSafetensors(join(place, 'a.safetensors'), tensors, {}, controller.signal);
  await t.throwsAsync(write, { name: 'AbortError' });
  t.deepEqual(await readdir(place), []);
});

test('a tensor that is not there and a type without arithmetic are sentences', async (t) => {
  const path = join(folder, 'types.safetensors');
  const header = Buffer.from('{"u":{"dtype":"U32","shape":[1],"data_offsets":[0,4]}}');
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  await writeFile(path, Buffer.concat([length, header, Buffer.alloc(4)]));
  using file = openSafetensors(path);
  t.throws(() => file.load('v'), { instanceOf: UserError, message: /has no tensor v/ });
  t.throws(() => file.load('u'), { instanceOf: UserError, message: /has the type U32/ });
});

test('a model that fits is one file, a larger one is shards and an index', async (t) => {
  const one = await mkdtemp(join(folder, 'one-'));
  const tensors = new Map(['a', 'b', 'c'].map((name) => [name, counting(100)]));
  await writeSafetensorsModel(one, tensors);
  t.deepEqual(await readdir(one), ['model.safetensors']);
  const many = await mkdtemp(join(folder, 'many-'));
  await writeSafetensorsModel(many, tensors, { maxShardBytes: 800 });
  t.deepEqual((await readdir(many)).sort(), [
    'model-00001-of-00002.safetensors',
    'model-00002-of-00002.safetensors',
    'model.safetensors.index.json',
  ]);
  const index = JSON.parse(await readFile(join(many, 'model.safetensors.index.json'), 'utf8'));
  t.is(index.metadata.total_size, 1200);
  t.is(index.weight_map.c, 'model-00002-of-00002.safetensors');
});

test('shards keep every tensor once, in order, and only a single large one is over the limit', (t) => {
  const sizes = fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 20 });
  t.notThrows(() =>
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1, max: 100 }), (all, limit) => {
        const planned = new Map(
          all.map((size, i) => [`t${i}`, { shape: [size], dtype: 'uint8' as DType, make: never }]),
        );
        const shards = splitShards(planned, limit);
        t.deepEqual(
          shards.flatMap((shard) => [...shard.keys()]),
          [...planned.keys()],
        );
        for (const shard of shards) {
          const bytes = [...shard.values()].map(({ shape }) => shape[0] ?? 0);
          const filled = bytes.filter((size) => size > 0);
          t.true(filled.length <= 1 || bytes.reduce((a, b) => a + b, 0) <= limit);
        }
      }),
    ),
  );
});

function never(): Tensor {
  return fromBytes(new Uint8Array(), [0], 'uint8');
}

test('a large tensor is written in pieces, and is whole in the file', async (t) => {
  const path = join(folder, 'large.safetensors');
  // More than one part of 16 MiB, and rows that no part divides evenly.
  const large = keep(normal([1500, 3001], 1, streamOf(1, 'safetensors.test', 'large')));
  await writeSafetensors(path, new Map([['large', large]]));
  using file = openSafetensors(path);
  scope(() => t.is(Buffer.compare(toBytes(file.load('large')), toBytes(large)), 0));
  large.dispose();
});
