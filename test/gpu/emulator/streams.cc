#include "streams.h"

#include <array>
#include <chrono>
#include <cstring>
#include <deque>
#include <mutex>
#include <set>

#include "memory.h"

namespace emulator {

namespace {

using Clock = std::chrono::steady_clock;
// A GPU has done by then what it can do.
constexpr std::chrono::milliseconds kAWhile(500);

struct Later {
  uint64_t number;
  Clock::time_point put;
  std::function<bool()> is_ready;
  std::function<void()> run;
};

constexpr c10::StreamId kCopies = 1;
constexpr c10::StreamId kHighPriority = 2;
constexpr uint64_t kStreams = 3;

struct Stream {
  std::recursive_mutex running; // one after the other, by whichever thread waits
  std::mutex mutex;
  std::deque<Later> pending;
  uint64_t put = 0, done = 0;
  std::set<const void*> recorded;
};

// Threads may outlive every static.
std::array<Stream, kStreams>& streams() {
  static auto* const all = new std::array<Stream, kStreams>;
  return *all;
}
thread_local std::array<c10::StreamId, kMostDevices> current{};

c10::Stream stream_of(c10::Device device, c10::StreamId id) {
  return c10::Stream(c10::Stream::UNSAFE, device, id);
}

Stream& stream_at(c10::StreamId id) { return streams().at(static_cast<size_t>(id)); }

// Does what was put there up to this number; with `ready_only`, as far as it does not block.
void run_until(Stream& stream, uint64_t number, bool ready_only = false) {
  for (;;) {
    Later next;
    {
      const std::lock_guard lock(stream.mutex);
      if (stream.pending.empty() || stream.pending.front().number > number) return;
      const Later& first = stream.pending.front();
      if (ready_only && (Clock::now() - first.put < kAWhile || !first.is_ready())) return;
      next = first;
    }
    next.run();
    const std::lock_guard lock(stream.mutex);
    stream.pending.pop_front();
    stream.done = next.number;
    if (stream.pending.empty()) stream.recorded.clear();
  }
}

void run_all(Stream& stream) {
  const std::lock_guard running(stream.running);
  run_until(stream, UINT64_MAX);
}

} // namespace

c10::Stream current_stream(c10::Device device) { return stream_of(device, current.at(static_cast<size_t>(device.index()))); }

c10::Stream exchange_stream(c10::Stream stream) {
  c10::StreamId& id = current.at(static_cast<size_t>(stream.device_index()));
  const c10::Stream before = stream_of(stream.device(), id);
  id = stream.id();
  return before;
}

c10::Stream pool_stream(c10::Device device, bool is_high_priority) {
  return stream_of(device, is_high_priority ? kHighPriority : kCopies);
}

void copy_later(c10::Stream stream, void* to, const void* from, size_t bytes) {
  run_later(
      stream.id(), [] { return true; },
      [device = stream.device_index(), to, from, bytes] {
        const Access access(device);
        std::memcpy(to, from, bytes);
      });
}

void run_later(c10::StreamId id, std::function<bool()> is_ready, std::function<void()> run) {
  Stream& stream = stream_at(id);
  const std::lock_guard lock(stream.mutex);
  stream.pending.push_back({++stream.put, Clock::now(), std::move(is_ready), std::move(run)});
}

uint64_t event_on(c10::Stream stream) {
  if (is_default(stream)) return 0;
  Stream& own = stream_at(stream.id());
  const std::lock_guard lock(own.mutex);
  return own.put * kStreams + static_cast<uint64_t>(stream.id());
}

void wait_for_event(uint64_t event) {
  if (event == 0) return;
  Stream& stream = streams().at(event % kStreams);
  const std::lock_guard running(stream.running);
  run_until(stream, event / kStreams);
}

bool has_passed(uint64_t event) {
  if (event == 0) return true;
  Stream& stream = streams().at(event % kStreams);
  const uint64_t number = event / kStreams;
  // Another thread may be at it, and wait there.
  if (const std::unique_lock running(stream.running, std::try_to_lock); running) run_until(stream, number, true);
  const std::lock_guard lock(stream.mutex);
  return stream.done >= number;
}

void make_copies() { run_all(stream_at(kCopies)); }

void finish_streams() {
  for (Stream& stream : streams()) run_all(stream);
}

void record_on_stream(const void* data, c10::Stream stream) {
  if (is_default(stream)) return;
  Stream& own = stream_at(stream.id());
  const std::lock_guard lock(own.mutex);
  if (!own.pending.empty()) own.recorded.insert(data);
}

void settle_recorded(const void* data) {
  for (Stream& stream : streams()) {
    {
      const std::lock_guard lock(stream.mutex);
      if (stream.recorded.erase(data) == 0) continue;
    }
    run_all(stream);
  }
}

} // namespace emulator
