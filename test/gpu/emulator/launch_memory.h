// What a launch asks of the device's memory; memory.h has the rest, and needs libtorch.
#pragma once

#include <optional>
#include <string>

namespace emulator {

// While one lives, a kernel runs on the current device: its memory may be touched, that of other
// devices may not.
class LaunchMemory {
public:
  LaunchMemory();
  ~LaunchMemory();
  LaunchMemory(const LaunchMemory&) = delete;
  LaunchMemory& operator=(const LaunchMemory&) = delete;

  // A sentence about an allocation that was written beyond its ends since it was made, or nothing.
  std::optional<std::string> damage() const;

private:
  int device_;
};

// Whether the pointer is null or leads into memory of the current device.
bool is_on_device(const void* pointer);

} // namespace emulator
