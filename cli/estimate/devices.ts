// Devices for an estimate. Sizes and peaks are the vendors' figures (dense, no sparsity). The share
// of the peak that a job reaches is an assumption, and the table says so.

import { usableBytes } from '../../crds/devices/node-devices.ts';
import type { MemoryQuestion } from '../../crds/index.ts';
import type { FoundDevices } from '../devices/find-devices.ts';

export interface Device {
  readonly name: string;
  readonly memory: MemoryQuestion['device'];
  /** Floating-point operations per second; undefined where only a measurement can tell. */
  readonly peak: { readonly bfloat16: number; readonly float32: number } | undefined;
  /** A GPU of this machine. */
  readonly isHere?: boolean;
}

const gib = 2 ** 30;
const mib = 2 ** 20;
/** Share of the peak that training of dense decoders commonly reaches. */
export const assumedShare = 0.35;

/** Memory in MiB as nvidia-smi tells it. */
export const knownDevices: readonly Device[] = [
  gpu('NVIDIA L4', 23_034, 121, 30.3),
  gpu('NVIDIA RTX 4090', 24_564, 165, 82.6),
  gpu('NVIDIA A100 80GB', 81_920, 312, 19.5),
  gpu('NVIDIA H100', 81_559, 989, 67),
  gpu('NVIDIA H200', 143_771, 989, 67),
];

/**
 * The known device of a longer name: `NVIDIA A100 SXM4 80GB` is an `NVIDIA A100 80GB`, since it
 * contains all words of it.
 */
export function knownAs(name: string): Device | undefined {
  const words = wordsOf(name);
  return knownDevices.find((known) => wordsOf(known.name).every((word) => words.includes(word)));
}

function wordsOf(name: string): readonly string[] {
  return name.toLowerCase().split(/[ -]+/);
}

/** A card by its product name and memory; undefined memory is that of the known device, or 0. */
export function cardOf(name: string, totalBytes: number | undefined): Device {
  const known = knownAs(name);
  const bytes = totalBytes === undefined ? (known?.memory.bytes ?? 0) : usableBytes(totalBytes);
  return { name, memory: { type: 'cuda', bytes }, peak: known?.peak };
}

/** The GPUs of this machine, with their names among workers. */
export function gpusHere({ cards }: Pick<FoundDevices, 'cards'>): readonly Device[] {
  return cards.map(({ name, bytes, isDivided }, index) => ({
    // The memory of an instance of a divided card is not that of its product.
    ...(isDivided ? { ...cardOf(name, 0), peak: undefined } : cardOf(name, bytes)),
    name: `cuda:${index} here, ${name}`,
    isHere: true,
  }));
}

export function gpuOf(bytes: number): Device {
  const name = `GPU of ${Math.round((10 * bytes) / gib) / 10} GiB`;
  return { name, memory: { type: 'cuda', bytes }, peak: undefined };
}

export function thisMachine(freeBytes: number, cores: number): Device {
  const name = `this machine, ${cores} ${cores === 1 ? 'core' : 'cores'}`;
  return { name, memory: { type: 'cpu', bytes: freeBytes }, peak: undefined };
}

function gpu(name: string, memoryMib: number, bfloat16: number, float32: number): Device {
  return {
    name,
    memory: { type: 'cuda', bytes: usableBytes(memoryMib * mib) },
    peak: { bfloat16: bfloat16 * 1e12, float32: float32 * 1e12 },
  };
}
