// The name of a device: `cpu`, or `cuda:<n>` with the number that CUDA gives it in the order of the
// PCI bus. Run records and records of trainers carry it.
import * as z from 'zod';

export type DeviceName = 'cpu' | `cuda:${number}`;

/** No machine has three digits of them. */
const form = /^(cpu|cuda:(0|[1-9]\d?))$/;

function isDeviceName(text: unknown): text is DeviceName {
  return typeof text === 'string' && form.test(text);
}

export const deviceName = z.custom<DeviceName>(
  isDeviceName,
  'must be cpu, or cuda:<n> such as cuda:0',
);
