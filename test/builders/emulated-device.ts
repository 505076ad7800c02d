/**
 * The emulated CUDA device as a test sees it: whether it is there, in which order its threads run,
 * what it has counted.
 */
import test, { type ExecutionContext } from 'ava';
import { native } from '../../worker/tensor/native.ts';
import { orders } from '../gpu/device-tests.ts';

/** Whether this process has loaded the emulator (test/gpu/on-device.ts). */
export function hasEmulatedDevice(): boolean {
  return native.schema('anneal_emulator::order', '') !== undefined;
}

/**
 * A test of what the processor promises and a device does not: it is left out there, and says why.
 */
export function testOfProcessor(
  title: string,
  body: (t: ExecutionContext) => void,
  why = 'its products are those of a library, which adds up in an order of its own for each shape',
): void {
  if (!hasEmulatedDevice()) test(title, body);
  else test.skip(`${title} (left out on a device: ${why})`, body);
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
