// The device of a tensor, and what a process asks of its devices.
import type { DeviceName } from '../../crds/names/device-name.ts';
import { type DeviceMemory, native } from './native.ts';

export type Device = DeviceName;

/** CUDA devices that this process sees. */
export function deviceCount(): number {
  return native.deviceCount();
}

/** Of a CUDA device. */
export function deviceMemory(device: Device): DeviceMemory {
  return native.deviceMemory(indexOf(device));
}

/** Starts a new measurement of the peaks of a CUDA device. */
export function resetDevicePeak(device: Device): void {
  native.resetDevicePeak(indexOf(device));
}

/**
 * From here on libtorch's operators on CUDA devices give the same bits for the same inputs; one
 * that cannot throws.
 */
export function requireDeterministicOperators(): void {
  native.requireDeterministicOperators();
}

/** Whether products of float32 on CUDA devices round their operands to TF32. */
export function roundProducts(on: boolean): void {
  native.roundProducts(on);
}

/** The number of a CUDA device. */
export function indexOf(device: Device): number {
  return Number(device.slice('cuda:'.length));
}

/** The addon's number: -1 is the CPU. */
export function deviceOfIndex(index: number): Device {
  return index < 0 ? 'cpu' : `cuda:${index}`;
}
