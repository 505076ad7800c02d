// Neighbours that a thread reads and writes at once: 16 bytes each time where memory is aligned so,
// one after the other where it is not. Which values a thread takes depends on neither, so results
// have the same bits wherever a tensor begins.
#pragma once

#include <stdint.h>

#include <initializer_list>

namespace anneal::device {

constexpr int kPackBytes = 16;

template <class T, int n> struct alignas(sizeof(T) * n < kPackBytes ? sizeof(T) * n : kPackBytes) Pack {
  T at[n];
};

// Neighbours of the widest of the types in 16 bytes; narrower ones are read in 8 or 4 bytes, so
// that a warp reads one piece of memory of each.
template <class... T> constexpr int pack_of() {
  size_t widest = 1;
  ((widest = sizeof(T) > widest ? sizeof(T) : widest), ...);
  return static_cast<int>(kPackBytes / widest);
}

// `left` values are there, n or more of them or fewer; what lies behind them reads as zero.
template <int n, class T> __device__ inline Pack<T, n> read_pack(const T* from, int64_t left, bool aligned) {
  if (aligned && left >= n) return *reinterpret_cast<const Pack<T, n>*>(from);
  Pack<T, n> pack{};
  for (int i = 0; i < n; ++i)
    if (i < left) pack.at[i] = from[i];
  return pack;
}

template <int n, class T> __device__ inline void write_pack(T* to, const Pack<T, n>& pack, int64_t left, bool aligned) {
  if (aligned && left >= n) {
    *reinterpret_cast<Pack<T, n>*>(to) = pack;
    return;
  }
  for (int i = 0; i < n; ++i)
    if (i < left) to[i] = pack.at[i];
}

// Whether packs that begin at multiples of their size may be read from all of these.
inline bool are_aligned(std::initializer_list<const void*> pointers) {
  for (const void* pointer : pointers)
    if (reinterpret_cast<uintptr_t>(pointer) % kPackBytes != 0) return false;
  return true;
}

} // namespace anneal::device
