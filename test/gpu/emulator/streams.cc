#include "streams.h"

#include <array>
#include <cstring>
#include <deque>
#include <mutex>
#include <set>

#include "memory.h"

namespace emulator {

namespace {

struct Copy {
  uint64_t number;
  int device;
  void* to;
  const void* from;
  size_t bytes;
};

std::mutex mutex;
std::deque<Copy> pending;
uint64_t last_number = 0;
std::set<const void*> recorded;
thread_local std::array<c10::StreamId, kMostDevices> current{};

c10::Stream stream_of(c10::Device device, c10::StreamId id) {
  return c10::Stream(c10::Stream::UNSAFE, device, id);
}

} // namespace

c10::Stream current_stream(c10::Device device) { return stream_of(device, current.at(static_cast<size_t>(device.index()))); }

c10::Stream exchange_stream(c10::Stream stream) {
  c10::StreamId& id = current.at(static_cast<size_t>(stream.device_index()));
  const c10::Stream before = stream_of(stream.device(), id);
  id = stream.id();
  return before;
}

c10::Stream copy_stream(c10::Device device) { return stream_of(device, 1); }

void copy_later(int device, void* to, const void* from, size_t bytes) {
  const std::lock_guard lock(mutex);
  pending.push_back({++last_number, device, to, from, bytes});
}

uint64_t copies_so_far(c10::Stream stream) {
  const std::lock_guard lock(mutex);
  return is_default(stream) ? 0 : last_number;
}

void make_copies(uint64_t until) {
  for (;;) {
    Copy copy{};
    {
      const std::lock_guard lock(mutex);
      if (pending.empty() || pending.front().number > until) return;
      copy = pending.front();
      pending.pop_front();
      if (pending.empty()) recorded.clear();
    }
    const Access access(copy.device);
    std::memcpy(copy.to, copy.from, copy.bytes);
  }
}

void record_on_stream(const void* data) {
  const std::lock_guard lock(mutex);
  if (!pending.empty()) recorded.insert(data);
}

bool take_recorded(const void* data) {
  const std::lock_guard lock(mutex);
  return recorded.erase(data) > 0;
}

} // namespace emulator
