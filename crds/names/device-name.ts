// The name of a device: `cpu`, or `cuda:<n>` with the number that CUDA gives it in the order of the
// PCI bus. Without a schema, so that the command line parses its flags without loading one.

export type DeviceName = 'cpu' | `cuda:${number}`;

/** No machine has three digits of them. */
const form = /^(cpu|cuda:(0|[1-9]\d?))$/;

export function isDeviceName(text: unknown): text is DeviceName {
  return typeof text === 'string' && form.test(text);
}
