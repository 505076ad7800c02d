#include "pinned.h"

#include <c10/core/impl/alloc_cpu.h>

#include <map>
#include <mutex>

#include "streams.h"

namespace emulator {

namespace {

std::mutex mutex;
std::map<const char*, size_t>& pieces() {
  static auto* all = new std::map<const char*, size_t>; // tensors may outlive every static
  return *all;
}

void give_back(void* data) {
  make_copies(); // libtorch gives it to nobody before copies from it have been made
  const std::lock_guard lock(mutex);
  pieces().erase(static_cast<const char*>(data));
  c10::free_cpu(data);
}

struct Allocator final : c10::Allocator {
  c10::DataPtr allocate(size_t bytes) override {
    void* data = c10::alloc_cpu(bytes);
    const std::lock_guard lock(mutex);
    if (data != nullptr) pieces()[static_cast<const char*>(data)] = bytes;
    return {data, data, &give_back, c10::Device(c10::DeviceType::CPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &give_back; }
  void copy_data(void* to, const void* from, size_t bytes) const override { default_copy_data(to, from, bytes); }
};
Allocator allocator;

} // namespace

c10::Allocator* pinned_allocator() { return &allocator; }

bool is_pinned(const void* data) {
  const std::lock_guard lock(mutex);
  const auto at = static_cast<const char*>(data);
  const auto behind = pieces().upper_bound(at);
  if (behind == pieces().begin()) return false;
  const auto& [begin, bytes] = *std::prev(behind);
  return at < begin + bytes;
}

} // namespace emulator
