import test from 'ava';
import { deviceFailure } from '../../../crds/failures/device.ts';
import { failureOf } from '../../../crds/failures/table.ts';

/** As CUDA 13, its libraries and libtorch write them. */
const messages: Readonly<Record<string, readonly string[]>> = {
  E_DEVICE_OUT_OF_MEMORY: [
    'CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of 79.10 GiB of which 12.00 MiB is free.',
    'CUDA error: out of memory',
    'CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`',
    "NCCL error: ncclUnhandledCudaError: Last error: Cuda failure 2 'out of memory'",
  ],
  E_DEVICE_ASSERT: ['CUDA error: device-side assert triggered\nCUDA kernel errors might be'],
  E_DEVICE_FAULT: [
    'CUDA error: an illegal memory access was encountered',
    'CUDA error: unspecified launch failure',
    'CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasGemmEx`',
  ],
  E_DEVICE_MEMORY_FAULT: ['CUDA error: uncorrectable ECC error encountered'],
  E_DEVICE_LOST: [
    'Unable to determine the device handle for GPU0000:3B:00.0: GPU is lost.  Reboot the system to recover this GPU',
    'GPU requires reset',
  ],
  E_DEVICE_UNFIT: [
    'CUDA error: no kernel image is available for execution on the device',
    'CUDA error: CUDA driver version is insufficient for CUDA runtime version',
  ],
  E_NO_DEVICE: [
    'No CUDA GPUs are available',
    'CUDA error: invalid device ordinal',
    'No devices were found',
  ],
};

test('each message of a device has its failure, and others have none', (t) => {
  for (const [code, texts] of Object.entries(messages)) {
    for (const text of texts) t.is<string | undefined, string>(deviceFailure(text), code, text);
  }
  t.is(deviceFailure('mat1 and mat2 shapes cannot be multiplied'), undefined);
  t.is(
    deviceFailure('[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: not enough memory'),
    undefined,
  );
});

test('memory, asserts and faults end a worker with codes of their own meaning', (t) => {
  t.is(failureOf('E_DEVICE_OUT_OF_MEMORY').workerExit, 72);
  t.is(failureOf('E_DEVICE_ASSERT').workerExit, 71);
  t.is(failureOf('E_DEVICE_FAULT').workerExit, 71);
});
