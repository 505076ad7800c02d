import test, { type ExecutionContext } from 'ava';
import { hasDevice } from './emulated-device.ts';

/**
 * A test of what the processor promises and a device does not: it is left out there, and says why.
 */
export function testOfProcessor(
  title: string,
  body: (t: ExecutionContext) => void,
  why = 'its products are those of a library, which adds up in an order of its own for each shape',
): void {
  if (!hasDevice()) test(title, body);
  else test.skip(`${title} (left out on a device: ${why})`, body);
}
