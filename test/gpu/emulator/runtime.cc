#include "runtime.h"

#include <map>
#include <mutex>
#include <stdexcept>
#include <string>

#include "block.h"
#include "launch_memory.h"
#include "memory.h"

namespace emulator {

namespace {
std::mutex mutex;
std::map<const void*, size_t> opted_in;
} // namespace

cudaError_t opt_in(const void* kernel, cudaFuncAttribute attribute, int bytes) {
  if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize || bytes < 0 ||
      static_cast<size_t>(bytes) > kDynamicSharedBytes)
    return cudaErrorInvalidValue;
  const std::lock_guard lock(mutex);
  opted_in[kernel] = static_cast<size_t>(bytes);
  return cudaSuccess;
}

void check_opt_in(size_t bytes, const void* kernel) {
  if (bytes <= kStaticSharedBytes || kernel == nullptr) return;
  const std::lock_guard lock(mutex);
  const auto found = opted_in.find(kernel);
  const size_t most = found == opted_in.end() ? kStaticSharedBytes : found->second;
  if (bytes > most)
    throw std::runtime_error("a block takes " + std::to_string(bytes) + " bytes of shared memory; cudaFuncSetAttribute allowed " +
                             std::to_string(most));
}

void check_pointer(const char* kernel, const void* pointer) {
  if (is_on_device(pointer)) return;
  throw std::runtime_error(std::string("the CUDA kernel ") + kernel +
                           " was given a pointer that does not lead into memory of the current device");
}

} // namespace emulator

cudaError_t cudaGetDevice(int* device) {
  *device = emulator::current_device();
  return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int) {
  switch (attribute) { // of an H100
  case cudaDevAttrMultiProcessorCount:
    *value = 132;
    break;
  case cudaDevAttrComputeCapabilityMajor:
    *value = 9;
    break;
  case cudaDevAttrComputeCapabilityMinor:
    *value = 0;
    break;
  case cudaDevAttrMaxSharedMemoryPerBlockOptin:
    *value = static_cast<int>(emulator::kDynamicSharedBytes);
    break;
  }
  return cudaSuccess;
}
