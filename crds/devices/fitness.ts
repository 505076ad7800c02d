// Whether the kernels of this version run on a card: by its driver and its compute capability.
import type { Card } from './nvidia-smi.ts';

/** CUDA 13, with which libtorch is built, needs a driver of this branch or a later one. */
const oldestDriver = 580;

/**
 * What worker/native/CMakeLists.txt compiles kernels for: code for 8.0, 10.0 and 12.0 runs on all
 * of the same major number, code for 90a on 9.0 alone.
 */
const capabilities = /^(8\.\d|9\.0|10\.\d|12\.\d)$/;
const capabilityWords = '8.x, 9.0, 10.x and 12.x';

/** Library of the CUDA kernels, beside the addon; an installation without CUDA has none. */
export const cudaKernelsFile = 'libanneal_kernels_cuda.so';

/** Follows the name of the device; undefined where it can train. */
export function unfitness({ driver, capability }: Card): string | undefined {
  if (Number.parseInt(driver, 10) < oldestDriver) {
    return `has driver ${driver}; CUDA 13 needs ${oldestDriver} or newer`;
  }
  if (capabilities.test(capability)) return undefined;
  return `has compute capability ${capability}; the CUDA kernels are for ${capabilityWords}`;
}
