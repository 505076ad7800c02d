// The part of the CUDA runtime that kernels call, for devices like an H100.
#pragma once

#include <cstddef>

using cudaError_t = int;
constexpr cudaError_t cudaSuccess = 0;
constexpr cudaError_t cudaErrorInvalidValue = 1;
using cudaStream_t = void*;

enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize = 8 };
enum cudaDeviceAttr {
  cudaDevAttrMultiProcessorCount = 16,
  cudaDevAttrComputeCapabilityMajor = 75,
  cudaDevAttrComputeCapabilityMinor = 76,
  cudaDevAttrMaxSharedMemoryPerBlockOptin = 97,
};

cudaError_t cudaGetDevice(int* device);
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device);

namespace emulator {

// Lets the kernel take so many bytes of dynamic shared memory.
cudaError_t opt_in(const void* kernel, cudaFuncAttribute attribute, int bytes);
// Throws where a kernel takes more than kStaticSharedBytes and did not opt in. A kernel without an
// address (null) is not looked at.
void check_opt_in(size_t bytes, const void* kernel);
// Throws where an argument of a kernel is a pointer that does not lead into memory of the device.
void check_pointer(const char* kernel, const void* pointer);

} // namespace emulator

template <class Kernel> cudaError_t cudaFuncSetAttribute(Kernel kernel, cudaFuncAttribute attribute, int value) {
  return emulator::opt_in(reinterpret_cast<const void*>(kernel), attribute, value);
}
