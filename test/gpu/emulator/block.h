// A grid of CUDA threads on one thread of the processor: blocks run one after the other, and the
// threads of a block are fibers that give way to each other where they wait. One launch runs at a
// time in a process; who launches meanwhile waits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};

namespace emulator {

constexpr int kWarpThreads = 32;
constexpr size_t kStaticSharedBytes = 48 << 10;   // what a kernel may declare, or take without opting in
constexpr size_t kDynamicSharedBytes = 227 << 10; // of an H100, for a kernel that opted in

// The thread that runs: its place, and that of its block. threadIdx, blockIdx, blockDim and gridDim
// are these.
struct Place {
  dim3 thread{0, 0, 0}, block{0, 0, 0}, block_size, grid_size;
};
extern Place place;

// Where a thread waits, for messages and to tell barriers apart.
struct Site {
  const char* file;
  int line;
};

// In which order threads take turns: kForwards and kBackwards let each run to its next wait;
// kFirstWarpAhead and kLastWarpAhead let one warp run as far as barriers allow before another moves
// (what round-robin orders hide); any larger number shuffles threads and blocks, with that seed.
// ANNEAL_EMULATED_ORDER is the order at first, kFirstWarpAhead where it is not set.
enum Order : int64_t { kForwards = 0, kBackwards = 1, kFirstWarpAhead = 2, kLastWarpAhead = 3 };
void set_order(int64_t order);
int64_t order();

struct Shape {
  dim3 grid, block;
  size_t shared; // bytes of dynamic shared memory
};
// Runs `thread` once for each thread of the grid. Throws std::runtime_error, which names the
// kernel: a shape that no GPU takes, threads that wait for each other, barriers that not all
// threads reach, a write beyond an allocation, what `thread` throws.
void run(const char* kernel, const Shape& shape, const std::function<void()>& thread);

// The following are called by a thread of a block.

// __syncthreads: returns once every thread that has not ended waits at the same site.
void barrier(Site site);
// __shfl_*: gives 8 bytes of this lane to the lanes of the mask, and returns those of lane `from`.
// Each lane of the mask that has not ended takes part; a lane outside of the mask, or one that has
// ended, cannot be read.
uint64_t exchange(unsigned mask, uint64_t mine, int from, Site site);
// All 32 values that the lanes of this warp give: what tensor-core instructions are emulated with.
const uint64_t* exchange_all(uint64_t mine, Site site);
// __ballot_sync: one bit for each lane of the mask whose flag is set.
unsigned ballot(unsigned mask, bool flag, Site site);
// The lane of the thread that runs, 0 to 31.
int lane();

// Dynamic shared memory of this block. Nobody has written it yet: every byte is 0xff, which is NaN
// in each floating type.
unsigned char* dynamic_shared();

// Which block runs, counted from the start of the process; a variable in shared memory is filled
// with 0xff when it is first seen in a block, and its bytes count against kStaticSharedBytes.
uint64_t current_block();
void count_static_shared(size_t bytes);

} // namespace emulator
