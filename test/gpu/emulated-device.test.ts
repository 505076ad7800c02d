// What the emulated device takes, counts and refuses, as a GPU does: two of them, in this process.
import { join } from 'node:path';
import test from 'ava';
import { execa } from 'execa';
import {
  deviceMemory,
  requireDeterministicOperators,
  resetDevicePeak,
} from '../../worker/tensor/device.ts';
import * as ops from '../../worker/tensor/ops.generated.ts';
import { normal } from '../../worker/tensor/rng.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { streamOf } from '../../worker/tensor/streams.ts';
import {
  copyFromHost,
  copyToHost,
  item,
  joinCopies,
  onDevice,
  type Tensor,
  tensor,
  toArray,
} from '../../worker/tensor/tensor.ts';
import { setThreads, threads } from '../../worker/tensor/threads.ts';
import { callEmulator, countsOf, resetCounts } from '../builders/emulated-device.ts';

process.env['ANNEAL_EMULATED_DEVICES'] = '2';
await import('./on-device.ts');

test.serial(
  'what a scope makes lies on its device, inside other scopes too, unless the call names another',
  (t) => {
    const devices = (...all: Tensor[]) => all.map(({ device }) => device);
    scope(() => {
      t.deepEqual(devices(ops.zeros([2]), tensor([1], [1])), ['cuda:0', 'cuda:0']);
      scope(() => {
        const x = tensor([1, 2], [2]);
        const inside = scope(() => ops.full([2], 3));
        t.deepEqual(devices(x, ops.zerosLike(x), inside), ['cuda:1', 'cuda:1', 'cuda:1']);
        t.is(ops.zeros([1], { device: 'cpu' }).device, 'cpu');
        t.deepEqual(toArray(ops.add(x, inside)), [4, 5]);
      }, 'cuda:1');
      t.throws(
        () =>
          scope(() => {
            throw new Error('ended');
          }, 'cpu'),
        { message: 'ended' },
      );
      t.is(ops.zeros([1]).device, 'cuda:0');
      scope(() => t.is(ops.zeros([1]).device, 'cpu'), 'cpu');
    });
  },
);

test.serial('a device computes alike however many threads its host has', (t) => {
  const before = threads();
  const stream = streamOf(1, 'threads');
  const results = [1, 2, 3].map((count) => {
    setThreads(count);
    return scope(() => {
      const x = normal([512, 200], 1, stream);
      return [ops.sum(x), ops.softmax(x, 1), ops.matmul(ops.t(x), x)].map((one) => toArray(one));
    });
  });
  t.is(threads(), 3, 'the host keeps its own');
  setThreads(before);
  for (const result of results) t.deepEqual(result, results[0]);
});

test.serial('tensors of two devices do not meet, but for numbers and copies', (t) => {
  scope(() => {
    const [here, there] = [ops.ones([3]), scope(() => ops.ones([3]), 'cuda:1')];
    const message = /found at least two devices/;
    t.throws(() => ops.add(here, there), { message });
    t.throws(() => ops.add(here, ops.ones([3], { device: 'cpu' })), { message });
    t.deepEqual(toArray(ops.add(here, ops.full([], 2, { device: 'cpu' }))), [3, 3, 3]);
    t.deepEqual(toArray(ops.copy_(here, ops.mulScalar(there, 5))), [5, 5, 5]);
  });
});

test.serial(
  'bytes, waits of the host and launches of our kernels are counted, each device apart',
  (t) => {
    scope(() => {
      resetCounts(0);
      resetCounts(1);
      const before = countsOf(0);
      const x = ops.ones([1024]);
      t.is(countsOf(0).held - before.held, 4096);
      scope(() => {
        ops.ones([2048]);
      });
      t.is(countsOf(0).held - before.held, 4096);
      t.is(countsOf(0).peak - before.held, 4096 + 8192);
      t.is(countsOf(0).waits, 0);
      item(ops.sum(x));
      toArray(x);
      t.is(countsOf(0).waits, 2);
      ops.rmsNorm(ops.reshape(x, [4, 256]), ops.ones([256]), 1e-5);
      t.is(countsOf(0).launches, 1);
      t.deepEqual(countsOf(1), { held: 0, peak: 0, waits: 0, launches: 0 });
    });
  },
);

test.serial('a device has so much memory and no more', (t) => {
  callEmulator('set_limit', 1, 1 << 20);
  scope(() => {
    ops.zeros([1 << 17]);
    t.throws(() => ops.zeros([1 << 18]), { message: /CUDA out of memory: cuda:1/ });
    ops.zeros([1 << 16]);
  }, 'cuda:1');
});

test.serial('libtorch tells the memory of a device, and its peak', (t) => {
  callEmulator('set_limit', 1, 1 << 20);
  resetDevicePeak('cuda:1');
  const before = deviceMemory('cuda:1');
  t.is(before.total, 1 << 20);
  scope(() => {
    ops.zeros([1 << 16]);
    const now = deviceMemory('cuda:1');
    t.is(now.allocated - before.allocated, 1 << 18);
    t.is(before.free - now.free, 1 << 18);
  }, 'cuda:1');
  const after = deviceMemory('cuda:1');
  t.is(after.allocated, before.allocated);
  t.is(after.reservedPeak, before.reserved + (1 << 18));
});

test.serial('from the host to a device nobody waits', (t) => {
  scope(() => {
    resetCounts(0);
    const host = scope(() => tensor([1, 2, 3], [3]), 'cpu');
    const there = [onDevice(host, 'cuda:0'), tensor([1, 2, 3], [3], 'float64')];
    t.is(countsOf(0).waits, 0);
    for (const each of there) t.deepEqual(toArray(each), [1, 2, 3]);
    ops.copy_(ops.empty([3]), host);
    t.is(countsOf(0).waits, 3, 'a copy of memory that is not pinned is waited for');
  });
});

test.serial('copies beside the computation are there when they were joined, not before', (t) => {
  scope(() => {
    resetCounts(0);
    const x = ops.full([1000], 7, { dtype: 'float32' });
    const host = copyToHost(x);
    // Its memory may be asked for again before the copy was made.
    x.dispose();
    ops.full([1000], 9, { dtype: 'float32' });
    const early = copyFromHost(host, 'cuda:0');
    const sum = ops.sum(early);
    joinCopies('cuda:0');
    const late = ops.sum(early);
    t.is(countsOf(0).waits, 0);
    t.true(Number.isNaN(item(sum)));
    t.is(item(late), 7000);
  });
});

test.serial(
  'operators that add in any order are refused once results must be the same twice',
  (t) => {
    scope(() => {
      const x = ops.ones([4]);
      t.deepEqual(toArray(ops.cumsum(x, 0)), [1, 2, 3, 4]);
      requireDeterministicOperators();
      t.throws(() => ops.cumsum(x, 0), { message: /does not have a deterministic implementation/ });
      t.deepEqual(toArray(ops.cumsum(ops.to(x, 'int64'), 0)), [1, 2, 3, 4]);
    });
  },
);

test.serial('memory that nobody has written is no number', (t) => {
  scope(() => t.true(toArray(ops.empty([5])).every(Number.isNaN)));
});

test.serial('the host that reads memory of a device ends, with a sentence', async (t) => {
  const script = join(import.meta.dirname, 'host-reads-device.ts');
  const ran = await execa(process.execPath, [script], { reject: false, env: { NODE_OPTIONS: '' } });
  t.is(ran.signal, 'SIGSEGV');
  t.regex(
    ran.stderr,
    /the host, or a kernel of another device, touched memory of an emulated CUDA device/,
  );
});
