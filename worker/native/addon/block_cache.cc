#include "block_cache.h"

#include <sys/mman.h>

#include <algorithm>
#include <iterator>

namespace anneal {

namespace {

constexpr size_t kStep = 4 << 10;     // a page: sizes are multiples of this
constexpr size_t kSlack = 8 << 20;   // free bytes that are always allowed
constexpr uintptr_t kPage = 4 << 10;  // of no machine are pages smaller

size_t rounded(size_t size) { return (size + kStep - 1) / kStep * kStep; }

// Large pages where the kernel gives them to who asks: a fault a 2 MiB instead of 512, and fewer
// entries of the TLB. What does not fill a large page stays in small ones, so nothing is wasted.
void* map(size_t size) {
  void* data = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) return nullptr;
#if defined(MADV_HUGEPAGE)
  madvise(data, size, MADV_HUGEPAGE);
#endif
  return data;
}

// Most tensors are small, and their addresses need no lookup.
bool may_be_ours(void* data) { return reinterpret_cast<uintptr_t>(data) % kPage == 0; }

} // namespace

BlockCache::Block BlockCache::take(size_t wanted) {
  const size_t size = rounded(wanted);
  const std::lock_guard<std::mutex> lock(mutex_);
  if (const Block block = reuse(size); block.data != nullptr)
    return block;
  most_live_ = std::max(most_live_, live_bytes_ + size);
  release_beyond(most_live_ + kSlack - (live_bytes_ + size));
  void* data = map(size);
  if (data == nullptr) {
    release_beyond(0);
    data = map(size);
  }
  return data == nullptr ? Block{} : handed_out(data, size);
}

BlockCache::Block BlockCache::reuse(size_t size) {
  const auto found = free_by_size_.lower_bound({size, 0});
  if (found == free_by_size_.end())
    return {};
  const uintptr_t begin = found->second;
  const Area area = remove_area(free_.find(begin));
  if (area.bytes > size)
    add_area(begin + size, {area.bytes - size, area.since});
  return handed_out(reinterpret_cast<void*>(begin), size);
}

BlockCache::Block BlockCache::handed_out(void* data, size_t bytes) {
  live_.emplace(data, bytes);
  live_bytes_ += bytes;
  most_live_ = std::max(most_live_, live_bytes_);
  return {data, bytes};
}

size_t BlockCache::give(void* data) {
  if (!may_be_ours(data))
    return 0;
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = live_.find(data);
  if (found == live_.end())
    return 0;
  const size_t bytes = found->second;
  live_.erase(found);
  live_bytes_ -= bytes;
  uintptr_t begin = reinterpret_cast<uintptr_t>(data);
  Area area{bytes, now_++};
  if (const auto above = free_.find(begin + bytes); above != free_.end())
    area.bytes += remove_area(above).bytes;
  if (auto below = free_.lower_bound(begin); below != free_.begin()) {
    below = std::prev(below);
    if (below->first + below->second.bytes == begin) {
      begin = below->first;
      area.bytes += remove_area(below).bytes;
    }
  }
  add_area(begin, area);
  return bytes;
}

void BlockCache::trim() {
  const std::lock_guard<std::mutex> lock(mutex_);
  release_beyond(0);
  most_live_ = live_bytes_;
}

void BlockCache::add_area(uintptr_t begin, Area area) {
  free_.emplace(begin, area);
  free_by_size_.emplace(area.bytes, begin);
  free_bytes_ += area.bytes;
}

BlockCache::Area BlockCache::remove_area(Areas::iterator found) {
  const Area area = found->second;
  free_bytes_ -= area.bytes;
  free_by_size_.erase({area.bytes, found->first});
  free_.erase(found);
  return area;
}

void BlockCache::release_beyond(size_t allowed) {
  while (free_bytes_ > allowed) {
    const auto oldest = std::min_element(free_.begin(), free_.end(), [](const auto& a, const auto& b) {
      return a.second.since < b.second.since;
    });
    const uintptr_t begin = oldest->first;
    const Area area = remove_area(oldest);
    // No more than must go: neighbors that joined may be hundreds of megabytes.
    const size_t excess = free_bytes_ + area.bytes - allowed;
    const size_t kept = area.bytes > excess ? (area.bytes - excess) / kStep * kStep : 0;
    munmap(reinterpret_cast<void*>(begin + kept), area.bytes - kept);
    if (kept > 0)
      add_area(begin, {kept, area.since});
  }
}

} // namespace anneal
