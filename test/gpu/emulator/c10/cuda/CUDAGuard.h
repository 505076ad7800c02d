// In the place of libtorch's header of this name, which needs CUDA's own.
#pragma once
#include <c10/core/DeviceGuard.h>
#include "../../cuda.h"
namespace c10::cuda {
// Makes the device the current one of this thread, until the end of the block.
struct CUDAGuard {
  explicit CUDAGuard(c10::Device device) : guard(device) {
    TORCH_CHECK(device.is_cuda(), "a guard for ", device, "; a GPU was expected");
  }
  c10::DeviceGuard guard;
};
} // namespace c10::cuda
