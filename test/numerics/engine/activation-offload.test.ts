// Tensors put aside in a file: bit for bit the same, in any order, and gone with the process.
import { fstatSync, openSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { FileActivationOffload } from '../../../worker/engine/activation-offload.ts';
import { liveHandles } from '../../../worker/tensor/memory.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { normal } from '../../../worker/tensor/rng.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { streamOf } from '../../../worker/tensor/streams.ts';
import { type Tensor, toArray } from '../../../worker/tensor/tensor.ts';

async function aFolder(t: { teardown(clean: () => Promise<void>): void }): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'anneal-offload-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

const draw = (name: string, rows: number): Tensor => normal([rows, 5], 1, streamOf(1n, name));

for (const dtype of ['bfloat16', 'float32', 'float64'] as const) {
  test(`values of ${dtype} come back as they were, whatever the order`, async (t) => {
    using offload = new FileActivationOffload(await aFolder(t));
    const before = liveHandles();
    for (let round = 0; round < 3; round += 1) {
      scope(() => {
        const tensors = [7, 1, 300].map((rows) => ops.to(draw(`${round}-${rows}`, rows), dtype));
        const waiting = tensors.map((x) => offload.put(x));
        for (const index of [2, 0, 1]) {
          const taken = waiting[index]?.take();
          const put = tensors[index];
          if (taken === undefined || put === undefined) return t.fail();
          t.is(taken.dtype, dtype);
          t.deepEqual(taken.shape, put.shape);
          t.deepEqual(toArray(taken), toArray(put));
        }
      });
    }
    t.is(liveHandles(), before);
  });
}

test('the file has no name, and does not grow from step to step', async (t) => {
  const folder = await aFolder(t);
  let file = -1;
  using offload = new FileActivationOffload(folder, (where) => {
    file = openSync(join(where, 'seen'), 'w+');
    return file;
  });
  scope(() => {
    for (let step = 0; step < 4; step += 1) {
      offload.clear();
      // The last step is cut off before its backward.
      const waiting = [1, 2, 3].map((n) => offload.put(draw(`${step}-${n}`, 100)));
      if (step < 3) for (const one of waiting.toReversed()) one.take();
    }
  });
  t.is(fstatSync(file).size, 3 * 100 * 5 * 4);
  using real = new FileActivationOffload(folder);
  scope(() => real.put(draw('x', 3)));
  t.deepEqual(await readdir(folder), ['seen']);
});

test('a full disk is told with what would need none', (t) => {
  using offload = new FileActivationOffload('/runs/7', () => openSync('/dev/full', 'w+'));
  const error = t.throws(() => scope(() => offload.put(draw('x', 3))), { code: 'E_STORAGE_FULL' });
  t.regex(String(error?.message), /^\/runs\/7 has no space for the inputs of blocks/);
});

test('a file that lost its end is no tensor of zeros', (t) => {
  using offload = new FileActivationOffload('/dev', () => openSync('/dev/null', 'w+'));
  t.throws(() => scope(() => offload.put(draw('x', 3)).take()), { message: /ends before them/ });
});
