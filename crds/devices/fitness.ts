// Whether the kernels of this version run on a card: by its driver and its compute capability.
import type { Card } from './nvidia-smi.ts';

/** CUDA 13, with which libtorch is built, needs a driver of this branch or a later one. */
const oldestDriver = 580;

/**
 * What worker/native/CMakeLists.txt compiles kernels for: code for 8.0 runs on all 8.x, code for
 * 90a and 100a on 9.0 and 10.0 alone.
 */
const capabilities = /^(8\.\d|9\.0|10\.0)$/;
const capabilityWords = '8.x, 9.0 and 10.0';

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
