#include "memory.h"

#include <c10/core/CachingDeviceAllocator.h>
#include <c10/util/Exception.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "launch_memory.h"
#include "streams.h"

namespace emulator {

namespace {

constexpr size_t kRangeBytes = size_t{64} << 30; // of addresses; memory comes as it is touched
constexpr size_t kPageBytes = 4096;
// The first part of a range is closed to the host; what lies behind it is open once it was used,
// since closing and opening costs time for each page that it has, twice for each operator: with
// 4 MiB it was a sixth of what the tests of methods take.
constexpr size_t kClosedBytes = 1 << 20;
constexpr size_t kGranule = 256;   // as CUDA aligns
constexpr size_t kWatched = 256;   // bytes before and after each allocation that nobody may write
constexpr unsigned char kUnwritten = 0xff; // NaN in each floating type
// Not NaN: a sum with a NaN is the same NaN again, and writing that back would change no byte. A
// value of these bytes is huge in each floating type.
constexpr unsigned char kBeyond = 0xfd;

size_t first_limit() {
  const char* text = std::getenv("ANNEAL_EMULATED_MEMORY");
  return text == nullptr ? kRangeBytes : std::strtoull(text, nullptr, 10);
}

struct Taken {
  size_t bytes = 0, rounded = 0;
};

// A range of addresses, handed out upwards; a piece that is given back is handed out again for the
// same rounded size. Kept short: every operator opens and closes all of it.
struct Range {
  std::mutex mutex;
  char* base = nullptr;
  size_t end = 0; // of what was handed out so far
  size_t limit = first_limit();
  int access = 0; // how many may touch it now
  std::map<size_t, std::vector<char*>> spare;
  std::unordered_map<char*, Taken> taken;
  Counts counts;
};

Range ranges[kMostDevices];
thread_local int chosen_device = 0;

// An access from the host to a range is a bug of the host: say so before the process dies of it.
struct sigaction handled_before;
void on_fault(int number, siginfo_t* info, void* context) {
  const auto at = static_cast<const char*>(info->si_addr);
  for (const Range& range : ranges) {
    if (range.base == nullptr || at < range.base || at >= range.base + kRangeBytes) continue;
    constexpr char kText[] = "the host, or a kernel of another device, touched memory of an emulated CUDA device\n";
    [[maybe_unused]] const auto written = write(STDERR_FILENO, kText, sizeof kText - 1);
  }
  sigaction(number, &handled_before, nullptr); // the instruction faults again, now as it always did
  (void)context;
}

void watch_faults() {
  struct sigaction action {};
  action.sa_sigaction = &on_fault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigaction(SIGSEGV, &action, &handled_before);
}

Range& range_of(int device) {
  static const bool made = [] {
    watch_faults();
    for (int i = 0; i < device_count(); ++i) {
      void* base = mmap(nullptr, kRangeBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      TORCH_CHECK(base != MAP_FAILED, "there are no addresses left for the memory of an emulated device");
      // Protection changes with every operator; huge pages would be split and joined each time.
      madvise(base, kRangeBytes, MADV_NOHUGEPAGE);
      ranges[i].base = static_cast<char*>(base);
    }
    return true;
  }();
  (void)made;
  TORCH_CHECK(device >= 0 && device < device_count(), "there is no device cuda:", device, "; the emulator has ",
              device_count());
  return ranges[device];
}

size_t whole_pages(size_t bytes) { return (bytes + kPageBytes - 1) / kPageBytes * kPageBytes; }
void protect(Range& range, size_t from, size_t to, int how) {
  if (to > from) mprotect(range.base + from, to - from, how);
}
void close_to_host(Range& range) { protect(range, 0, std::min(whole_pages(range.end), kClosedBytes), PROT_NONE); }
void open_to_host(Range& range) { protect(range, 0, std::min(whole_pages(range.end), kClosedBytes), PROT_READ | PROT_WRITE); }

// A quarter of a power of two, or more: few sizes, so that what is given back is soon taken again.
size_t rounded_up(size_t bytes) {
  const size_t step = std::max(kGranule, std::bit_floor(bytes) / 4);
  return (bytes + step - 1) / step * step;
}

// Begins again where nothing is held.
void forget_all(Range& range) {
  const size_t used = whole_pages(range.end);
  protect(range, 0, used, PROT_NONE);
  madvise(range.base, used, MADV_DONTNEED);
  range.spare.clear();
  range.end = 0;
}

char* take(Range& range, size_t rounded) {
  const size_t all = rounded + 2 * kWatched;
  if (auto& same = range.spare[rounded]; !same.empty()) {
    char* data = same.back();
    same.pop_back();
    return data;
  }
  char* data = range.base + range.end + kWatched;
  const size_t before = whole_pages(range.end);
  range.end += all;
  if (range.access > 0) protect(range, before, whole_pages(range.end), PROT_READ | PROT_WRITE);
  return data;
}

void give_back(void* data) {
  // As a GPU's allocator waits for what another stream does with it.
  settle_recorded(data);
  for (int i = 0; i < device_count(); ++i) {
    Range& range = ranges[i];
    const std::lock_guard lock(range.mutex);
    const auto found = range.taken.find(static_cast<char*>(data));
    if (found == range.taken.end()) continue;
    range.counts.held_bytes -= static_cast<int64_t>(found->second.rounded);
    range.spare[found->second.rounded].push_back(found->first);
    range.taken.erase(found);
    if (range.taken.empty()) forget_all(range);
    return;
  }
}

struct Allocator final : c10::DeviceAllocator {
  c10::DataPtr allocate(size_t bytes) override { return allocate_on(current_device(), bytes); }
  c10::DeleterFnPtr raw_deleter() const override { return &give_back; }
  void copy_data(void* to, const void* from, size_t bytes) const override {
    const Access access(current_device());
    std::memcpy(to, from, bytes);
  }
  bool initialized() override { return true; }
  void emptyCache(c10::MempoolId_t) override {}
  void recordStream(const c10::DataPtr& data, c10::Stream stream) override { record_on_stream(data.get(), stream); }
  c10::CachingDeviceAllocator::DeviceStats getDeviceStats(c10::DeviceIndex device) override {
    const Counts now = counts(device);
    c10::CachingDeviceAllocator::DeviceStats stats;
    for (auto* each : {&stats.allocated_bytes, &stats.reserved_bytes}) {
      auto& all = (*each)[static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE)];
      all.current = now.held_bytes;
      all.peak = now.peak_bytes;
    }
    return stats;
  }
  void resetAccumulatedStats(c10::DeviceIndex) override {}
  void resetPeakStats(c10::DeviceIndex device) override { reset_peak(device); }
  std::pair<size_t, size_t> getMemoryInfo(c10::DeviceIndex device) override {
    Range& range = range_of(device);
    const std::lock_guard lock(range.mutex);
    return {range.limit - static_cast<size_t>(range.counts.held_bytes), range.limit};
  }
};
Allocator allocator;

// Before and behind an allocation, the rest of its granule included.
void fill_beyond(char* data, const Taken& taken) {
  std::memset(data - kWatched, kBeyond, kWatched);
  std::memset(data + taken.bytes, kBeyond, taken.rounded - taken.bytes + kWatched);
}

// Asked of each allocation after each launch, and so by memcmp, which looks at 32 bytes at a time:
// all are one byte if the first is it and each is as the one before.
bool is_beyond(const char* from, size_t bytes) {
  return static_cast<unsigned char>(*from) == kBeyond && std::memcmp(from, from + 1, bytes - 1) == 0;
}

} // namespace

int device_count() {
  static const int count = [] {
    const char* text = std::getenv("ANNEAL_EMULATED_DEVICES");
    const int given = text == nullptr ? 1 : std::atoi(text);
    TORCH_CHECK(given >= 0 && given <= kMostDevices, "ANNEAL_EMULATED_DEVICES is ", text, "; it must be 0 to ",
                kMostDevices);
    return given;
  }();
  return count;
}

int current_device() { return chosen_device; }

void set_current_device(int device) {
  range_of(device);
  chosen_device = device;
}

Access::Access(int device) : device_(device) {
  Range& range = range_of(device);
  const std::lock_guard lock(range.mutex);
  if (range.access++ == 0) open_to_host(range);
}

Access::~Access() {
  Range& range = ranges[device_];
  const std::lock_guard lock(range.mutex);
  if (--range.access == 0) close_to_host(range);
}

c10::Allocator* device_allocator() { return &allocator; }

c10::DataPtr allocate_on(int device, size_t bytes) {
  const c10::Device where(c10::DeviceType::CUDA, static_cast<c10::DeviceIndex>(device));
  Range& range = range_of(device);
  if (bytes == 0) return {nullptr, nullptr, &give_back, where};
  const size_t rounded = rounded_up(bytes);
  const Access access(device);
  const std::lock_guard lock(range.mutex);
  TORCH_CHECK_WITH(OutOfMemoryError,
                   static_cast<size_t>(range.counts.held_bytes) + rounded <= range.limit &&
                       range.end + rounded + 2 * kWatched <= kRangeBytes,
                   "CUDA out of memory: cuda:", device, " of the emulator holds ", range.counts.held_bytes, " of ",
                   range.limit, " bytes, and ", rounded, " more are asked for");
  char* data = take(range, rounded);
  std::memset(data, kUnwritten, bytes);
  range.taken[data] = {bytes, rounded};
  fill_beyond(data, range.taken[data]);
  range.counts.held_bytes += static_cast<int64_t>(rounded);
  range.counts.peak_bytes = std::max(range.counts.peak_bytes, range.counts.held_bytes);
  return {data, data, &give_back, where};
}

Counts counts(int device) {
  Range& range = range_of(device);
  const std::lock_guard lock(range.mutex);
  return range.counts;
}

void reset_counts(int device) {
  Range& range = range_of(device);
  const std::lock_guard lock(range.mutex);
  range.counts = {range.counts.held_bytes, range.counts.held_bytes, 0, 0};
}

void reset_peak(int device) {
  Range& range = range_of(device);
  const std::lock_guard lock(range.mutex);
  range.counts.peak_bytes = range.counts.held_bytes;
}

void count_wait(int device) {
  Range& range = range_of(device);
  const std::lock_guard lock(range.mutex);
  range.counts.waits += 1;
}

void set_limit(int device, int64_t bytes) {
  TORCH_CHECK(bytes > 0, "the limit is ", bytes, " bytes; it must be above 0");
  Range& range = range_of(device);
  const std::lock_guard lock(range.mutex);
  range.limit = std::min(static_cast<size_t>(bytes), kRangeBytes);
}

LaunchMemory::LaunchMemory() : device_(current_device()) {
  const Access access(device_);
  Range& range = range_of(device_);
  const std::lock_guard lock(range.mutex);
  range.counts.launches += 1;
  range.access += 1; // kept until the launch ends
}

LaunchMemory::~LaunchMemory() {
  Range& range = ranges[device_];
  const std::lock_guard lock(range.mutex);
  if (--range.access == 0) close_to_host(range);
}

std::optional<std::string> LaunchMemory::damage() const {
  Range& range = ranges[device_];
  const std::lock_guard lock(range.mutex);
  for (const auto& [data, taken] : range.taken) {
    const bool before = !is_beyond(data - kWatched, kWatched);
    if (!before && is_beyond(data + taken.bytes, taken.rounded - taken.bytes + kWatched)) continue;
    fill_beyond(data, taken);
    return std::string("it wrote ") + (before ? "before" : "behind") + " an allocation of " +
           std::to_string(taken.bytes) + " bytes";
  }
  return std::nullopt;
}

bool is_on_device(const void* pointer) {
  const Range& range = ranges[current_device()];
  const auto at = static_cast<const char*>(pointer);
  return at == nullptr || (at >= range.base && at < range.base + kRangeBytes);
}

} // namespace emulator
