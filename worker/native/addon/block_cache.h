// Large blocks of memory for tensors, kept for the next tensor of their size.
//
// A training step makes the same large tensors each time, but frees short-lived ones between those
// that a tape keeps: in the heap of libc the holes add up (a step of 2,048 tokens through a 135M model
// held 1.5 GiB of tensors in 2.6 GiB of heap), and mapping each block anew costs a page fault for
// every 4 KiB. Here a block goes back whole, is given out for its size or up to an eighth less, and
// free blocks are unmapped, longest unused first, as soon as live and free ones together would exceed
// what was once live at the same time: resident memory follows the largest sum of tensors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <unordered_map>

namespace anneal {

class BlockCache {
 public:
  // Smaller blocks are the heap's business.
  static constexpr size_t kLarge = 128 << 10;

  struct Block {
    void* data;
    size_t bytes;
  };
  // At least `size` bytes at the begin of a page; no data where the system has none left.
  Block take(size_t size);
  // Takes back the data of a block and returns its bytes; 0, and nothing done, for any other address.
  size_t give(void* data);
  // Unmaps all that is free, and forgets how much once was live.
  void trim();

 private:
  struct Free {
    void* data;
    uint64_t since;
  };

  Block reuse(size_t size);
  Block handed_out(void* data, size_t bytes);
  void release_beyond(size_t allowed);

  std::mutex mutex_;
  std::unordered_map<void*, size_t> live_;
  std::multimap<size_t, Free> free_;
  size_t live_bytes_ = 0, free_bytes_ = 0, most_live_ = 0;
  uint64_t now_ = 0;
};

}  // namespace anneal
