// Failures of a CUDA device: which one a message of libtorch or of `nvidia-smi` tells.
import type { FailureCode } from './table.ts';

/** In order: the first that matches decides. Texts of CUDA, its libraries, libtorch, NVML. */
const kinds: readonly (readonly [RegExp, FailureCode])[] = [
  [/CUDA out of memory|CUDA error: out of memory/i, 'E_DEVICE_OUT_OF_MEMORY'],
  [/CU(BLAS|SOLVER|DNN)\w*_STATUS_\w*ALLOC_FAILED/, 'E_DEVICE_OUT_OF_MEMORY'],
  [/(Cuda failure|NCCL).{0,100}out of memory/i, 'E_DEVICE_OUT_OF_MEMORY'],
  [/device-side assert/i, 'E_DEVICE_ASSERT'],
  [/no kernel image is available|driver version is insufficient/i, 'E_DEVICE_UNFIT'],
  [/no CUDA GPUs are available|no CUDA-capable device|invalid device ordinal/i, 'E_NO_DEVICE'],
  [/No devices were found|communicate with the NVIDIA driver/i, 'E_NO_DEVICE'],
  [/ECC error/i, 'E_DEVICE_MEMORY_FAULT'],
  [/GPU is lost|fallen off the bus|GPU requires reset/i, 'E_DEVICE_LOST'],
  [/CUDA error|CU(BLAS|SOLVER|DNN)\w*_STATUS_|Cuda failure/i, 'E_DEVICE_FAULT'],
];

/** Undefined where the message is not about a device. */
export function deviceFailure(message: string): FailureCode | undefined {
  return kinds.find(([pattern]) => pattern.test(message))?.[1];
}
