/**
 * The CUDA device of a test: whether there is one, and of the emulated one in which order its
 * threads run and what it has counted.
 */
import { native } from '../../worker/tensor/native.ts';
import * as ops from '../../worker/tensor/ops.generated.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { orders } from '../gpu/device-tests.ts';

/** Whether tensors of this process lie on a device, emulated or not (test/gpu/on-device.ts). */
export function hasDevice(): boolean {
  return scope(() => ops.zeros([1]).device !== 'cpu');
}

/**
 * Runs `body` once for each order in which the threads of a block may take turns; of a GPU, which
 * has its own, once.
 */
export function onEachSchedule(body: (schedule: string) => void): void {
  if (native.schema('anneal_emulator::order', '') === undefined) {
    body('of the GPU');
    return;
  }
  const before = callEmulator('order');
  try {
    for (const [name, order] of Object.entries(orders)) {
      callEmulator('set_order', order);
      body(name);
    }
  } finally {
    callEmulator('set_order', before);
  }
}

/** What a device has counted since `resetCounts`: bytes, waits of the host, launches of kernels. */
export function countsOf(device: number) {
  const [held = 0, peak = 0, waits = 0, launches = 0] = callEmulator('counts', device) as number[];
  return { held, peak, waits, launches };
}

export function resetCounts(device: number): void {
  callEmulator('reset_counts', device);
}

/** An operator of the emulator. */
export function callEmulator(name: string, ...values: readonly unknown[]): unknown {
  return native.call(native.op(`anneal_emulator::${name}`, ''), ...values);
}
