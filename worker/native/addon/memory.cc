#include "memory.h"

#include <c10/core/CPUAllocator.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/impl/alloc_cpu.h>
#ifdef __APPLE__
#include <malloc/malloc.h>
#else
#include <malloc.h>
#endif

#include <sys/mman.h>

#include <atomic>
#include <climits>
#include <cstdio>
#include <fstream>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "block_cache.h"
#include "exports.h"

namespace anneal {

namespace {

std::atomic<int64_t> held_bytes{0};
std::atomic<int64_t> peak_bytes{0};

BlockCache& blocks() {
  static auto* cache = new BlockCache; // tensors may outlive every static
  return *cache;
}

int64_t heap_size(void* data) {
#ifdef __APPLE__
  return static_cast<int64_t>(malloc_size(data));
#else
  return static_cast<int64_t>(malloc_usable_size(data));
#endif
}

void count_allocation(int64_t bytes) {
  const int64_t held = held_bytes.fetch_add(bytes) + bytes;
  int64_t peak = peak_bytes.load(std::memory_order_relaxed);
  while (held > peak && !peak_bytes.compare_exchange_weak(peak, held)) {
  }
}

void free_counted(void* data) {
  if (data == nullptr)
    return;
  if (const size_t size = blocks().give(data)) {
    held_bytes.fetch_sub(static_cast<int64_t>(size));
    return;
  }
  held_bytes.fetch_sub(heap_size(data));
  c10::free_cpu(data);
}

// Large tensors from the cache, small ones from libtorch's own allocation; both counted. The size
// of a small one comes from the heap's header, so nothing is stored a tensor.
class CountingAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t size) override {
    void* data = nullptr;
    if (size >= BlockCache::kLarge) {
      const auto [block, bytes] = blocks().take(size);
      TORCH_CHECK_WITH(OutOfMemoryError, block != nullptr, "there is no memory for a tensor of ",
                       size, " bytes");
      data = block;
      count_allocation(static_cast<int64_t>(bytes));
    } else {
      data = c10::alloc_cpu(size);
      if (data != nullptr)
        count_allocation(heap_size(data));
    }
    return {data, data, &free_counted, c10::Device(c10::DeviceType::CPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &free_counted; }
  void copy_data(void* to, const void* from, size_t size) const override {
    default_copy_data(to, from, size);
  }
};

// What libraries allocate for themselves is large too, and the same in each step: glibc would map,
// zero and unmap it again. Both limits at their largest keep it in the heap.
void keep_large_blocks() {
#ifdef __GLIBC__
  constexpr int kOlderGlibcLimit = 32 << 20; // larger thresholds were refused before 2.35
  if (mallopt(M_MMAP_THRESHOLD, INT_MAX) == 0)
    mallopt(M_MMAP_THRESHOLD, kOlderGlibcLimit);
  mallopt(M_TRIM_THRESHOLD, INT_MAX);
#endif
}

struct Mapping {
  uintptr_t begin = 0;
  uintptr_t end = 0;
  std::string permissions;
  std::string file;
  // Pages that were written since, and so are in no file; told by smaps alone.
  bool has_own_pages = true;

  bool operator==(const Mapping&) const = default;
};

// Read-only mappings of programs and libraries, as /proc/self/maps or smaps tells them; none where
// it cannot be read.
std::vector<Mapping> program_mappings(const char* path) {
  std::vector<Mapping> mappings;
  std::ifstream told(path);
  for (std::string line; std::getline(told, line);) {
    Mapping one;
    char permissions[5] = {};
    int file = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx %4s %*s %*s %*s %n", &one.begin, &one.end, permissions,
                    &file) == 3) {
      one.permissions = permissions;
      if (file > 0)
        one.file = line.substr(static_cast<size_t>(file));
      mappings.push_back(one);
    } else if (line == "Anonymous:             0 kB" && !mappings.empty()) {
      mappings.back().has_own_pages = false;
    }
  }
  std::set<std::string> programs;
  for (const Mapping& one : mappings)
    if (one.permissions[2] == 'x' && one.file.rfind('/', 0) == 0)
      programs.insert(one.file);
  std::erase_if(mappings, [&](const Mapping& one) {
    return one.permissions[1] == 'w' || programs.count(one.file) == 0;
  });
  return mappings;
}

// What of programs and libraries was read while they were loaded, 115 MiB of them, and is next to
// never read again. The pages are those of files, and come back from there when they are touched:
// 60 MiB do not.
void drop_library_pages() {
#ifdef __linux__
  // For smaps the kernel walks all memory of the process. What is read-only has the pages that it
  // had when it was loaded, so they are asked for again only when there are other mappings.
  static std::mutex mutex;
  static std::vector<Mapping> known;
  static std::vector<Mapping> detailed;
  const std::lock_guard<std::mutex> lock(mutex);
  if (std::vector<Mapping> now = program_mappings("/proc/self/maps"); now != known) {
    known = std::move(now);
    detailed = program_mappings("/proc/self/smaps");
  }
  for (const Mapping& one : detailed)
    if (!one.has_own_pages)
      madvise(reinterpret_cast<void*>(one.begin), one.end - one.begin, MADV_DONTNEED);
#endif
}

} // namespace

void prepare_memory() {
  static const bool once = [] {
    keep_large_blocks();
    c10::SetCPUAllocator(new CountingAllocator, /*priority=*/1);
    return true;
  }();
  static_cast<void>(once);
}

void report_to_collector(const Call& call) {
  constexpr int64_t kWorthTelling = 1 << 20;
  const int64_t held = held_bytes.load(std::memory_order_relaxed);
  const int64_t change = held - call.environment.reported_bytes;
  if (change > -kWorthTelling && change < kWorthTelling)
    return;
  int64_t total = 0;
  napi_adjust_external_memory(call.env, change, &total);
  call.environment.reported_bytes = held;
}

// memory() → {held, peak, reported}: bytes of CPU tensors of the whole process, mapped files apart,
// and all that V8 believes to be outside its heap.
napi_value memory(Call& call) {
  napi_value object;
  check(napi_create_object(call.env, &object), "an object");
  call.set_number(object, "held", held_bytes.load());
  call.set_number(object, "peak", peak_bytes.load());
  int64_t reported = 0;
  napi_adjust_external_memory(call.env, 0, &reported);
  call.set_number(object, "reported", reported);
  return object;
}

// resetPeak() begins a new measurement of the largest sum of bytes.
napi_value reset_peak(Call& call) {
  peak_bytes.store(held_bytes.load());
  return call.undefined();
}

// trim() gives free blocks, heap pages and pages of libraries back to the system.
napi_value trim(Call& call) {
  blocks().trim();
  drop_library_pages();
#ifdef __GLIBC__
  malloc_trim(0);
#endif
  return call.undefined();
}

// resizeStorage(tensor, bytes): the memory behind a tensor and its views is given back (0 bytes) or
// taken again. Its values are lost, and whoever reads the tensor while it has no memory crashes.
napi_value resize_storage(Call& call) {
  c10::StorageImpl* const storage = call.tensor(0).storage().unsafeGetStorageImpl();
  const size_t bytes = static_cast<size_t>(call.integer64(1));
  TORCH_CHECK(storage->resizable() && storage->allocator() != nullptr,
              "this tensor's memory belongs to somebody else");
  const c10::OptionalDeviceGuard guard(storage->device());
  // Freed before it is taken again, so that there are never two.
  storage->set_data_ptr_noswap(at::DataPtr(nullptr, storage->device()));
  if (bytes > 0)
    storage->set_data_ptr_noswap(storage->allocator()->allocate(bytes));
  storage->set_nbytes(bytes);
  return call.undefined();
}

// moveStorage(to, from): `to` and its views get the memory of `from`, which has none afterwards. A
// tape that holds `to` finds the new values and does not take them for a change, as it would if
// they were copied.
napi_value move_storage(Call& call) {
  const at::Tensor& to = call.tensor(0);
  const at::Tensor& from = call.tensor(1);
  c10::StorageImpl* const target = to.storage().unsafeGetStorageImpl();
  c10::StorageImpl* const source = from.storage().unsafeGetStorageImpl();
  TORCH_CHECK(target->resizable() && source->resizable() && source->allocator() != nullptr,
              "this tensor's memory belongs to somebody else");
  TORCH_CHECK(target != source && to.sizes() == from.sizes() && to.dtype() == from.dtype() &&
                  to.device() == from.device(),
              "memory moves between different tensors of one shape, type and device");
  TORCH_CHECK(to.is_contiguous() && from.is_contiguous() && to.storage_offset() == 0 &&
                  from.storage_offset() == 0 && source->nbytes() == from.nbytes(),
              "only the memory of whole tensors moves");
  target->set_data_ptr_noswap(at::DataPtr(nullptr, target->device()));
  target->set_nbytes(source->nbytes());
  // set_data_ptr gives back what was there.
  target->set_data_ptr_noswap(source->set_data_ptr(at::DataPtr(nullptr, source->device())));
  source->set_nbytes(0);
  return call.undefined();
}

} // namespace anneal
