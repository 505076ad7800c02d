// The device that a trainer computes on.
import { TerminalError } from '../../crds/failures/errors.ts';
import type { ResolvedMethod } from '../../crds/index.ts';
import {
  type Device,
  deviceCount,
  indexOf,
  requireDeterministicOperators,
  resetDevicePeak,
  roundProducts,
} from '../tensor/device.ts';

/** For what computes without a method: no product is rounded. */
export const exactly = {
  precision: { type: 'Float32', float32: { products: 'Exact' } },
} as const;

/** Makes the device ready for a run; throws where this process does not see it. */
export function openDevice(
  device: Device,
  { precision }: Pick<ResolvedMethod, 'precision'>,
): Device {
  if (device === 'cpu') return device;
  const count = deviceCount();
  if (indexOf(device) >= count) {
    throw new TerminalError({
      code: 'E_NO_DEVICE',
      message: `${device} is not a device of this process, which sees ${seen(count)}`,
      hint: 'anneal doctor shows the devices of this machine',
    });
  }
  requireDeterministicOperators();
  roundProducts(precision.type === 'Float32' && precision.float32.products === 'TF32');
  resetDevicePeak(device);
  return device;
}

function seen(count: number): string {
  if (count === 0) return 'no CUDA device';
  return count === 1 ? 'cuda:0 alone' : `cuda:0 to cuda:${count - 1}`;
}
