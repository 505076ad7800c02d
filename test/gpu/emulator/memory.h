// Memory of the emulated devices: a range of addresses for each, in the memory of the host.
#pragma once

#include <c10/core/Allocator.h>

#include <cstdint>

namespace emulator {

constexpr int kMostDevices = 8;

// How many devices there are: ANNEAL_EMULATED_DEVICES, 1 to kMostDevices; 1 where it is not set.
int device_count();
// The device of this thread, as cudaSetDevice and c10::DeviceGuard choose it. An index that is not
// there is refused.
int current_device();
void set_current_device(int device);

// While one lives, this process may touch memory of the device: an operator, a copy or a kernel
// runs there. Otherwise a touch ends the process with a sentence, as a pointer of a GPU does.
class Access {
public:
  explicit Access(int device);
  ~Access();
  Access(const Access&) = delete;
  Access& operator=(const Access&) = delete;

private:
  int device_;
};

// Allocates on the current device. Fresh bytes are 0xff, which is NaN in each floating type; the
// bytes around an allocation are watched (LaunchMemory::damage). Throws c10::OutOfMemoryError
// beyond the limit of the device.
c10::Allocator* device_allocator();
// The same on a device that need not be the current one.
c10::DataPtr allocate_on(int device, size_t bytes);

struct Counts {
  int64_t held_bytes = 0, peak_bytes = 0;
  int64_t waits = 0;    // of the host for the device
  int64_t launches = 0; // of our kernels
};
Counts counts(int device);
// Starts waits and launches at 0, and the peak at what is held.
void reset_counts(int device);
void reset_peak(int device);
void count_wait(int device);

// Bytes that the device has; what is allocated beyond them is out of memory. At first
// ANNEAL_EMULATED_MEMORY, or the size of its range of addresses.
void set_limit(int device, int64_t bytes);

} // namespace emulator
