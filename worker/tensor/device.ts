// The device of a tensor.

export type Device = 'cpu' | `cuda:${number}`;

/** The addon's number: -1 is the CPU. */
export function deviceOfIndex(index: number): Device {
  return index < 0 ? 'cpu' : `cuda:${index}`;
}
