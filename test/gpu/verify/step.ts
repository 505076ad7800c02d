// A step of the verification: it runs in a process of its own, since a fault of a device ends all
// work of the process that has it.
import type { Found } from './result.ts';

export interface Context {
  /** Empty, and removed afterwards. */
  readonly folder: string;
  /** The device is emulated: what only a GPU has is left out, with the reason. */
  readonly isEmulated: boolean;
  /** The least that shows that the step works. */
  readonly isSample: boolean;
  readonly signal: AbortSignal;
}

export interface Step {
  readonly title: string;
  /** Seconds, after which it has failed. */
  readonly limit: number;
  load(): Promise<(context: Context) => Promise<Found>>;
}

/** In this order. */
export const steps: Readonly<Record<string, Step>> = {
  kernels: {
    ...{ title: 'kernels against their references', limit: 600 },
    load: async () => (await import('./steps/kernels.ts')).kernels,
  },
  sanitizer: {
    ...{ title: 'memory and races of kernels, by compute-sanitizer', limit: 420 },
    load: async () => (await import('./steps/sanitizer.ts')).sanitizer,
  },
  libraries: {
    ...{ title: 'products and attention of the libraries', limit: 120 },
    load: async () => (await import('./steps/libraries.ts')).libraries,
  },
  training: {
    ...{ title: 'each preset beside the processor, and killed', limit: 480 },
    load: async () => (await import('./steps/training.ts')).training,
  },
  speed: {
    ...{ title: 'speed and memory at published shapes', limit: 900 },
    load: async () => (await import('./steps/speed.ts')).speed,
  },
  faults: {
    ...{ title: 'memory that ends, an assert of a kernel', limit: 120 },
    load: async () => (await import('./steps/faults.ts')).faults,
  },
};
