#include "block.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "fiber.h"
#include "launch_memory.h"

namespace emulator {

Place place;

namespace {

constexpr unsigned kAllLanes = ~0u;

enum class State { kReady, kAtBarrier, kInExchange, kEnded };

struct Thread {
  void* stack = nullptr;
  State state = State::kReady;
  unsigned mask = 0; // of the exchange that it waits in
  Site site{};       // where it waits
  dim3 place{0, 0, 0};
};

// Lanes that exchange under one mask. Two rounds are kept: a lane may give to the next while
// another has not read this one.
struct Meeting {
  unsigned mask = 0, arrived = 0, round = 0;
  uint64_t values[2][kWarpThreads];
  unsigned gave[2] = {0, 0}, flags[2] = {0, 0}; // lanes
};

struct Warp {
  unsigned living = 0;           // lanes that exist and have not ended
  std::vector<Meeting> meetings; // one a mask
};

// Everything of the launch that runs.
struct Block {
  std::vector<Thread> threads;
  std::vector<Warp> warps;
  size_t running = 0, ended = 0;
  void* scheduler = nullptr;
  Stacks stacks;
  std::vector<unsigned char> shared;
  const std::function<void()>* body = nullptr;
  std::exception_ptr fault;
  const char* kernel = "";
  uint64_t number = 0;
  size_t static_shared = 0;
};
Block block;
std::mutex one_launch;
std::atomic<int64_t> chosen_order{[] {
  const char* given = std::getenv("ANNEAL_EMULATED_ORDER");
  return given == nullptr ? int64_t{kFirstWarpAhead} : std::atoll(given);
}()};

[[noreturn]] void refuse(const std::string& why) {
  throw std::runtime_error(std::string("the CUDA kernel ") + block.kernel + ": " + why);
}

std::string text_of(Site site) {
  const std::string file = site.file;
  return file.substr(file.rfind('/') + 1) + ":" + std::to_string(site.line);
}

void give_way() { emulator_switch(&block.threads[block.running].stack, block.scheduler); }

Meeting& meeting_of(size_t warp, unsigned mask) {
  std::vector<Meeting>& all = block.warps[warp].meetings;
  for (Meeting& one : all)
    if (one.mask == mask) return one;
  all.emplace_back().mask = mask;
  return all.back();
}

// Ends the round of a meeting at which all living lanes of its mask have arrived, and lets them go
// on.
bool end_round(size_t warp, Meeting& meeting) {
  const unsigned living = block.warps[warp].living;
  if (meeting.arrived == 0 || (meeting.arrived & living) != (meeting.mask & living)) return false;
  meeting.gave[meeting.round] = meeting.arrived;
  meeting.arrived = 0;
  meeting.round ^= 1;
  meeting.flags[meeting.round] = 0;
  const size_t first = warp * kWarpThreads;
  for (size_t i = first; i < std::min(first + kWarpThreads, block.threads.size()); ++i) {
    Thread& thread = block.threads[i];
    if (thread.state == State::kInExchange && thread.mask == meeting.mask) thread.state = State::kReady;
  }
  return true;
}

// The lanes that wait for this one wait no longer.
void end_thread() {
  block.threads[block.running].state = State::kEnded;
  block.ended += 1;
  const size_t warp = block.running / kWarpThreads;
  block.warps[warp].living &= ~(1u << (block.running % kWarpThreads));
  for (Meeting& meeting : block.warps[warp].meetings) end_round(warp, meeting);
}

void enter_thread() {
  try {
    (*block.body)();
  } catch (...) {
    block.fault = std::current_exception();
  }
  end_thread();
  give_way();
  std::terminate(); // an ended thread is not switched to again
}

struct Met {
  const uint64_t* values;
  unsigned gave, flags;
};

Met meet(unsigned mask, uint64_t mine, bool flag, Site site) {
  const size_t warp = block.running / kWarpThreads;
  const unsigned me = 1u << (block.running % kWarpThreads);
  if ((mask & me) == 0) refuse("a lane is not in the mask of its own exchange at " + text_of(site));
  Meeting& meeting = meeting_of(warp, mask);
  const unsigned round = meeting.round;
  meeting.values[round][block.running % kWarpThreads] = mine;
  if (flag) meeting.flags[round] |= me;
  meeting.arrived |= me;
  Thread& thread = block.threads[block.running];
  thread.state = State::kInExchange;
  thread.mask = mask;
  thread.site = site;
  if (!end_round(warp, meeting)) give_way();
  const Meeting& met = meeting_of(warp, mask); // the list may have grown meanwhile
  return {met.values[round], met.gave[round], met.flags[round]};
}

bool step(size_t index) {
  Thread& thread = block.threads[index];
  if (thread.state != State::kReady) return false;
  block.running = index;
  place.thread = thread.place;
  emulator_switch(&block.scheduler, thread.stack);
  if (block.fault) std::rethrow_exception(std::exchange(block.fault, nullptr));
  return true;
}

// Lets each thread run to its next wait, or each warp as far as it can; false: nobody could move.
bool take_turns(std::vector<size_t>& turn, std::mt19937_64& random) {
  bool moved = false;
  const int64_t order = chosen_order;
  if (order == kFirstWarpAhead || order == kLastWarpAhead) {
    const size_t warps = block.warps.size();
    for (size_t k = 0; k < warps; ++k) {
      const size_t first = (order == kFirstWarpAhead ? k : warps - 1 - k) * kWarpThreads;
      for (bool again = true; again; moved = moved || again) {
        again = false;
        for (size_t i = first; i < std::min(first + kWarpThreads, block.threads.size()); ++i)
          again = step(i) || again;
      }
    }
    return moved;
  }
  if (order > kLastWarpAhead) std::shuffle(turn.begin(), turn.end(), random);
  for (const size_t i : turn) moved = step(i) || moved;
  return moved;
}

// Lets all go on who wait at a barrier, once nobody is elsewhere. CUDA wants them at one and the
// same.
bool pass_barrier() {
  const Thread* first = nullptr;
  for (const Thread& thread : block.threads) {
    if (thread.state == State::kReady || thread.state == State::kInExchange) return false;
    if (thread.state != State::kAtBarrier) continue;
    if (first == nullptr) first = &thread;
    if (thread.site.line != first->site.line)
      refuse("threads of one block wait at different barriers, " + text_of(first->site) + " and " + text_of(thread.site));
  }
  if (first == nullptr) return false;
  for (Thread& thread : block.threads)
    if (thread.state == State::kAtBarrier) thread.state = State::kReady;
  return true;
}

void refuse_deadlock() {
  size_t at_barrier = 0, in_exchange = 0;
  Site barrier_site{}, exchange_site{};
  for (const Thread& thread : block.threads) {
    if (thread.state == State::kAtBarrier) ++at_barrier, barrier_site = thread.site;
    if (thread.state == State::kInExchange) ++in_exchange, exchange_site = thread.site;
  }
  std::string why = "threads wait for each other: ";
  if (at_barrier > 0) why += std::to_string(at_barrier) + " at the barrier " + text_of(barrier_site) + ", ";
  refuse(why + std::to_string(in_exchange) + " in the exchange of lanes at " + text_of(exchange_site));
}

void run_block(const Shape& shape, size_t threads, std::mt19937_64& random) {
  block.number += 1;
  block.static_shared = 0;
  block.shared.assign(shape.shared + 16, 0xff);
  block.threads.assign(threads, {});
  block.warps.assign((threads + kWarpThreads - 1) / kWarpThreads, {});
  block.ended = 0;
  std::vector<size_t> turn(threads);
  const dim3 size = shape.block;
  for (size_t i = 0; i < threads; ++i) {
    const auto n = static_cast<unsigned>(i);
    block.threads[i].stack = block.stacks.prepare(i, &enter_thread);
    block.threads[i].place = {n % size.x, n / size.x % size.y, n / size.x / size.y};
    block.warps[i / kWarpThreads].living |= 1u << (i % kWarpThreads);
    turn[i] = chosen_order == kBackwards ? threads - 1 - i : i;
  }
  while (block.ended < threads)
    if (!take_turns(turn, random) && !pass_barrier()) refuse_deadlock();
}

// A real launch of it fails, with less of a reason.
size_t checked_threads(const Shape& shape) {
  const auto [grid, size, shared] = shape;
  const size_t threads = static_cast<size_t>(size.x) * size.y * size.z;
  if (threads == 0 || threads > 1024 || size.z > 64)
    refuse("a block has " + std::to_string(threads) + " threads; 1 to 1024 are possible, 64 of them along z");
  if (shared > kDynamicSharedBytes)
    refuse("a block takes " + std::to_string(shared) + " bytes of shared memory; " + std::to_string(kDynamicSharedBytes) +
           " are possible");
  if (grid.x == 0 || grid.y == 0 || grid.z == 0 || grid.x > INT32_MAX || grid.y > 65535 || grid.z > 65535)
    refuse("the grid is " + std::to_string(grid.x) + " x " + std::to_string(grid.y) + " x " + std::to_string(grid.z) +
           "; 1 to 2147483647 x 65535 x 65535 are possible");
  return threads;
}

} // namespace

void set_order(int64_t order) { chosen_order = order; }
int64_t order() { return chosen_order; }

void run(const char* kernel, const Shape& shape, const std::function<void()>& thread) {
  const std::lock_guard only(one_launch);
  block.kernel = kernel;
  const size_t threads = checked_threads(shape);
  const LaunchMemory memory; // the device's memory may be touched meanwhile
  block.stacks.reserve(threads);
  block.body = &thread;
  place.block_size = shape.block;
  place.grid_size = shape.grid;
  std::mt19937_64 random(static_cast<uint64_t>(order()));
  const size_t wide = shape.grid.x, high = shape.grid.y, count = wide * high * shape.grid.z;
  std::vector<size_t> shuffled(order() > kLastWarpAhead ? count : 0);
  for (size_t i = 0; i < shuffled.size(); ++i) shuffled[i] = i;
  std::shuffle(shuffled.begin(), shuffled.end(), random);
  for (size_t n = 0; n < count; ++n) {
    const size_t backwards = order() == kBackwards || order() == kLastWarpAhead ? count - 1 - n : n;
    const size_t at = shuffled.empty() ? backwards : shuffled[n];
    place.block = {static_cast<unsigned>(at % wide), static_cast<unsigned>(at / wide % high),
                   static_cast<unsigned>(at / wide / high)};
    run_block(shape, threads, random);
  }
  if (const auto damage = memory.damage()) refuse(*damage);
}

void barrier(Site site) {
  Thread& thread = block.threads[block.running];
  thread.state = State::kAtBarrier;
  thread.site = site;
  give_way();
}

uint64_t exchange(unsigned mask, uint64_t mine, int from, Site site) {
  const Met met = meet(mask, mine, false, site);
  if ((met.gave >> (from % kWarpThreads) & 1) == 0)
    refuse("a lane that is not in the mask, or has ended, is read at " + text_of(site));
  return met.values[from % kWarpThreads];
}

const uint64_t* exchange_all(uint64_t mine, Site site) { return meet(kAllLanes, mine, false, site).values; }

unsigned ballot(unsigned mask, bool flag, Site site) { return meet(mask, 0, flag, site).flags & mask; }

int lane() { return static_cast<int>(block.running % kWarpThreads); }

unsigned char* dynamic_shared() {
  // As CUDA aligns it.
  return reinterpret_cast<unsigned char*>((reinterpret_cast<uintptr_t>(block.shared.data()) + 15) / 16 * 16);
}

uint64_t current_block() { return block.number; }

void count_static_shared(size_t bytes) {
  block.static_shared += bytes;
  if (block.static_shared > kStaticSharedBytes)
    refuse("it declares more than " + std::to_string(kStaticSharedBytes) + " bytes of shared memory");
}

} // namespace emulator
