// The device that a trainer computes on.
import { UserError } from '../../crds/failures/errors.ts';
import {
  type Device,
  deviceCount,
  deviceMemory,
  requireDeterministicOperators,
  resetDevicePeak,
} from '../tensor/device.ts';
import { freeMemory } from './free-memory.ts';

/** The device of this name, ready for a run; throws where this process does not see it. */
export function openDevice(name: string): Device {
  if (name === 'cpu') return name;
  const index = /^cuda:(\d+)$/.exec(name)?.[1];
  const count = deviceCount();
  if (index === undefined || Number(index) >= count) {
    throw new UserError({
      code: 'E_USAGE',
      message: `${name} is not a device of this process, which sees ${seen(count)}`,
      hint: 'anneal doctor shows the devices of this machine',
    });
  }
  const device: Device = `cuda:${Number(index)}`;
  requireDeterministicOperators();
  resetDevicePeak(device);
  return device;
}

function seen(count: number): string {
  if (count === 0) return 'no CUDA device';
  return count === 1 ? 'cuda:0 alone' : `cuda:0 to cuda:${count - 1}`;
}

/** Bytes that a run may take on the device now; what libtorch holds unused counts as free. */
export function freeOn(device: Device): number {
  if (device === 'cpu') return freeMemory();
  const { free, reserved, allocated } = deviceMemory(device);
  return free + reserved - allocated;
}
