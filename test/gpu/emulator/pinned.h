// Memory of the host that a device reads and writes while the host goes on.
#pragma once

#include <c10/core/Allocator.h>

namespace emulator {

c10::Allocator* pinned_allocator();
bool is_pinned(const void* data);

} // namespace emulator
