/**
 * The emulated CUDA device as a test sees it: whether it is there, in which order its threads run,
 * what it has counted.
 */
import { native } from '../../worker/tensor/native.ts';
import { orders } from '../gpu/device-tests.ts';

/** Whether this process has loaded the emulator (test/gpu/on-device.ts). */
export function hasEmulatedDevice(): boolean {
  return native.schema('anneal_emulator::order', '') !== undefined;
}

/** Runs `body` once for each order in which the threads of a block may take turns. */
export function onEachSchedule(body: (schedule: string) => void): void {
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
