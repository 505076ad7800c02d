// CUDA C++ as a C++ compiler reads it: qualifiers, the place of a thread, barriers and exchanges of
// lanes. Read before each source of a kernel; test/setup/emulator.ts rewrites what no macro can (a
// launch, and variables in shared memory).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <tuple>
#include <type_traits>

#include "arithmetic.h"
#include "block.h"
#include "runtime.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __constant__ static const
#define __align__(bytes) alignas(bytes)
#define __launch_bounds__(...)
#define __restrict__ __restrict
// Kernels that ask whether nvcc compiles them share their arithmetic with the processor, which is
// what is wanted here too.

#define threadIdx ::emulator::place.thread
#define blockIdx ::emulator::place.block
#define blockDim ::emulator::place.block_size
#define gridDim ::emulator::place.grid_size
constexpr int warpSize = emulator::kWarpThreads;

namespace emulator {

// `kernel<<<grid, block, shared, stream>>>(arguments…)` is rewritten to `launch(name, kernel, grid,
// block, shared, stream)(arguments…)`.
template <class Kernel> struct Launch {
  const char* name;
  Kernel kernel;
  Shape shape;

  template <class... A> void operator()(A... arguments) const {
    (check_argument(arguments), ...);
    check_opt_in(shape.shared, kernel.template address<A...>());
    const std::tuple<A...> kept(arguments...);
    run(name, shape, [&kept, this] { std::apply(kernel.call, kept); }); // by value for each thread
  }

private:
  template <class A> void check_argument(const A& argument) const {
    if constexpr (std::is_pointer_v<A>) check_pointer(name, static_cast<const void*>(argument));
  }
};
// The kernel as it was written: a lambda that calls it, and one that gives its address for
// arguments of these types, where it has one.
template <class Call, class Address> struct Kernel {
  Call call;
  Address find;
  template <class... A> const void* address() const { return find(static_cast<void (*)(A...)>(nullptr)); }
};
template <class Call, class Address> Kernel(Call, Address) -> Kernel<Call, Address>;

template <class K>
Launch<K> launch(const char* name, K kernel, dim3 grid, dim3 block, size_t shared = 0, cudaStream_t = nullptr) {
  return {name, kernel, {grid, block, shared}};
}

// A variable in shared memory: one for each block. `Tag` is a lambda, of a type of its own at each
// place and instantiation.
template <class T, class Tag> T& shared_variable(Tag) {
  alignas(16) static unsigned char memory[sizeof(T)];
  static uint64_t seen_in = 0;
  if (seen_in != current_block()) {
    seen_in = current_block();
    count_static_shared(sizeof(T));
    std::memset(memory, 0xff, sizeof(T));
  }
  return reinterpret_cast<T&>(memory);
}

template <class T> T shuffle(unsigned mask, T value, int from, Site site) {
  static_assert(sizeof(T) <= sizeof(uint64_t));
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  bits = exchange(mask, bits, from, site);
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
template <class T> T shuffle_index(Site site, unsigned mask, T value, int from, int width = 32) {
  return shuffle(mask, value, lane() / width * width + ((from % width) + width) % width, site);
}
template <class T> T shuffle_xor(Site site, unsigned mask, T value, int by, int width = 32) {
  // A lane beyond this part of the warp keeps its own.
  const int from = lane() ^ by;
  return shuffle(mask, value, from / width > lane() / width ? lane() : from, site);
}
template <class T> T shuffle_down(Site site, unsigned mask, T value, unsigned by, int width = 32) {
  const int from = lane() + static_cast<int>(by);
  return shuffle(mask, value, from / width == lane() / width ? from : lane(), site);
}
template <class T> T shuffle_up(Site site, unsigned mask, T value, unsigned by, int width = 32) {
  const int within = lane() % width, back = static_cast<int>(by);
  return shuffle(mask, value, within >= back ? lane() - back : lane(), site);
}
inline void warp_barrier(Site site, unsigned mask = ~0u) { ballot(mask, true, site); }
inline bool all_of_lanes(Site site, unsigned mask, bool flag) { return ballot(mask, !flag, site) == 0; }

// One thread runs at a time.
template <class T, class Change> T exchange_in_memory(T* place, Change change) {
  const T before = *place;
  *place = change(before);
  return before;
}

} // namespace emulator

#define EMULATOR_SITE (::emulator::Site{__FILE__, __LINE__})
#define __syncthreads() ::emulator::barrier(EMULATOR_SITE)
#define __syncwarp(...) ::emulator::warp_barrier(EMULATOR_SITE __VA_OPT__(, ) __VA_ARGS__)
#define __shfl_sync(...) ::emulator::shuffle_index(EMULATOR_SITE, __VA_ARGS__)
#define __shfl_xor_sync(...) ::emulator::shuffle_xor(EMULATOR_SITE, __VA_ARGS__)
#define __shfl_down_sync(...) ::emulator::shuffle_down(EMULATOR_SITE, __VA_ARGS__)
#define __shfl_up_sync(...) ::emulator::shuffle_up(EMULATOR_SITE, __VA_ARGS__)
#define __ballot_sync(mask, flag) ::emulator::ballot(mask, flag, EMULATOR_SITE)
#define __any_sync(mask, flag) (::emulator::ballot(mask, flag, EMULATOR_SITE) != 0)
#define __all_sync(mask, flag) ::emulator::all_of_lanes(EMULATOR_SITE, mask, flag)

template <class T> T atomicAdd(T* place, std::type_identity_t<T> value) {
  return emulator::exchange_in_memory(place, [&](T old) { return static_cast<T>(old + value); });
}
template <class T> T atomicMax(T* place, std::type_identity_t<T> value) {
  return emulator::exchange_in_memory(place, [&](T old) { return std::max(old, value); });
}
template <class T> T atomicMin(T* place, std::type_identity_t<T> value) {
  return emulator::exchange_in_memory(place, [&](T old) { return std::min(old, value); });
}
template <class T> T atomicExch(T* place, std::type_identity_t<T> value) {
  return emulator::exchange_in_memory(place, [&](T) { return value; });
}
template <class T> T atomicCAS(T* place, std::type_identity_t<T> expected, std::type_identity_t<T> value) {
  return emulator::exchange_in_memory(place, [&](T old) { return old == expected ? value : old; });
}
inline void __threadfence() {}
inline void __threadfence_block() {}
