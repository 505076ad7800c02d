// In the place of libtorch's header of this name, which needs CUDA's own.
#pragma once
#include <c10/util/Exception.h>
#include "../../cuda.h"
#define C10_CUDA_CHECK(call)                                                                       \
  do {                                                                                             \
    const cudaError_t error = (call);                                                              \
    TORCH_CHECK(error == cudaSuccess, "CUDA error: ", error, " from ", #call);                     \
  } while (0)
// A launch of the emulator throws by itself.
#define C10_CUDA_KERNEL_LAUNCH_CHECK()                                                             \
  do {                                                                                             \
  } while (0)
