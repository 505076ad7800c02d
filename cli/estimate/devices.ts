// Devices for an estimate. Sizes and peaks are the vendors' figures (dense, no sparsity). The share
// of the peak that a job reaches is an assumption, and the table says so.
import type { MemoryQuestion } from '../../crds/index.ts';

export interface Device {
  readonly name: string;
  readonly memory: MemoryQuestion['device'];
  /** Floating-point operations per second; undefined where only a measurement can tell. */
  readonly peak: { readonly bfloat16: number; readonly float32: number } | undefined;
}

const gib = 2 ** 30;

/** Share of the peak that training of dense decoders commonly reaches. */
export const assumedShare = 0.35;

/** Usable memory of a card: without what its driver reserves. */
export const knownDevices: readonly Device[] = [
  gpu('NVIDIA L4', 22, 121, 30.3),
  gpu('NVIDIA RTX 4090', 23.5, 165, 82.6),
  gpu('NVIDIA A100 80GB', 79, 312, 19.5),
  gpu('NVIDIA H100', 79, 989, 67),
  gpu('NVIDIA H200', 140, 989, 67),
];

export function gpuOf(bytes: number): Device {
  const name = `GPU of ${Math.round((10 * bytes) / gib) / 10} GiB`;
  return { name, memory: { type: 'cuda', bytes }, peak: undefined };
}

export function thisMachine(freeBytes: number, cores: number): Device {
  const name = `this machine, ${cores} ${cores === 1 ? 'core' : 'cores'}`;
  return { name, memory: { type: 'cpu', bytes: freeBytes }, peak: undefined };
}

function gpu(name: string, memoryGib: number, bfloat16: number, float32: number): Device {
  return {
    name,
    memory: { type: 'cuda', bytes: memoryGib * gib },
    peak: { bfloat16: bfloat16 * 1e12, float32: float32 * 1e12 },
  };
}
