// Large blocks of memory for tensors, kept for the next tensors.
//
// A training step makes the same large tensors each time, but frees short-lived ones between those
// that a tape keeps: in the heap of libc the holes add up (a step of 2,048 tokens through a 135M
// model held 1.5 GiB of tensors in 2.6 GiB of heap), and mapping each block anew costs a page fault
// for every 4 KiB. Here blocks come from free areas, the smallest that is large enough, and what is
// left of an area stays free; blocks that are given back join their free neighbors. So gradients
// lie where activations lay, and the next step's activations where those gradients lay. Free areas
// are unmapped, longest unused first, as soon as live and free bytes together would exceed what was
// once live at the same time: resident memory follows the largest sum of tensors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <unordered_map>
#include <utility>

namespace anneal {

class BlockCache {
 public:
  // Smaller blocks are the heap's business. Gradients of small adapters are larger: in the heap,
  // among what libraries free, those of experts took 1.85 times their size.
  static constexpr size_t kLarge = 32 << 10;

  struct Block {
    void* data;
    size_t bytes;
  };
  // At least `size` bytes at the begin of a page; no data where the system has none left.
  Block take(size_t size);
  // Takes back the data of a block and returns its bytes; 0, and nothing done, for any other
  // address.
  size_t give(void* data);
  // Unmaps all that is free, and forgets how much once was live.
  void trim();

 private:
  struct Area {
    size_t bytes;
    uint64_t since;
  };
  using Areas = std::map<uintptr_t, Area>;

  // No data where no area is large enough.
  Block reuse(size_t size);
  Block handed_out(void* data, size_t bytes);
  void add_area(uintptr_t begin, Area area);
  Area remove_area(Areas::iterator area);
  void release_beyond(size_t allowed);

  std::mutex mutex_;
  std::unordered_map<void*, size_t> live_;
  Areas free_;
  std::set<std::pair<size_t, uintptr_t>> free_by_size_;
  size_t live_bytes_ = 0, free_bytes_ = 0, most_live_ = 0;
  uint64_t now_ = 0;
};

}  // namespace anneal
