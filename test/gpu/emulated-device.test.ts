// What the emulated device takes, counts and refuses, as a GPU does: two of them, in this process.
import { join } from 'node:path';
import test from 'ava';
import { execa } from 'execa';
import { native } from '../../worker/tensor/native.ts';
import * as ops from '../../worker/tensor/ops.generated.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { item, type Tensor, tensor, toArray } from '../../worker/tensor/tensor.ts';

process.env['ANNEAL_EMULATED_DEVICES'] = '2';
await import('./on-device.ts');

function call(name: string, ...values: readonly unknown[]): unknown {
  return native.call(native.op(`anneal_emulator::${name}`, ''), ...values);
}

function counts(device: number) {
  const [held = 0, peak = 0, waits = 0, launches = 0] = call('counts', device) as number[];
  return { held, peak, waits, launches };
}

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
      call('reset_counts', 0);
      call('reset_counts', 1);
      const before = counts(0);
      const x = ops.ones([1024]);
      t.is(counts(0).held - before.held, 4096);
      scope(() => {
        ops.ones([2048]);
      });
      t.is(counts(0).held - before.held, 4096);
      t.is(counts(0).peak - before.held, 4096 + 8192);
      t.is(counts(0).waits, 0);
      item(ops.sum(x));
      toArray(x);
      t.is(counts(0).waits, 2);
      ops.rmsNorm(ops.reshape(x, [4, 256]), ops.ones([256]), 1e-5);
      t.is(counts(0).launches, 1);
      t.deepEqual(counts(1), { held: 0, peak: 0, waits: 0, launches: 0 });
    });
  },
);

test.serial('a device has so much memory and no more', (t) => {
  call('set_limit', 1, 1 << 20);
  scope(() => {
    ops.zeros([1 << 17]);
    t.throws(() => ops.zeros([1 << 18]), { message: /CUDA out of memory: cuda:1/ });
    ops.zeros([1 << 16]);
  }, 'cuda:1');
});

test.serial('an operator without a CUDA kernel is refused', (t) => {
  scope(() => {
    t.throws(
      () => ops.ggufDequantize(ops.zeros([34], { dtype: 'uint8' }), 8, 32, { dtype: 'float32' }),
      {
        message: /it has no CUDA kernel/,
      },
    );
  });
});

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
