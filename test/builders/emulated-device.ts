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
  const before = call('order');
  try {
    for (const [name, order] of Object.entries(orders)) {
      call('set_order', order);
      body(name);
    }
  } finally {
    call('set_order', before);
  }
}

function call(name: string, ...values: readonly unknown[]): unknown {
  return native.call(native.op(`anneal_emulator::${name}`, ''), ...values);
}
