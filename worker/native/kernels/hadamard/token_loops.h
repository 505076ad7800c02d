// `tokens` and `both` of Loops: blocks of tokens are rotated, a strip of columns at a time.
#pragma once

#include "sinks.h"

namespace anneal::hadamard::ANNEAL_ISA {

template <class S> constexpr int64_t kStrip = kStripBytes / static_cast<int64_t>(sizeof(S));

// Some columns of a block of tokens. What is read, and the codes that are written, of the next
// strip are fetched meanwhile: a stride beyond a page defeats the machine's own prefetcher.
template <class T, class To> struct TakenTokens {
  using S = typename Arithmetic<T>::Type;
  State<S> state;
  int64_t ld;
  ANNEAL_INLINE void put(int64_t i, int64_t w, Two<S> v) {
    const int64_t at = i * ld + w * kPlace<S>;
    expect<1, kPlace<S> * To::kSize>(static_cast<char*>(state.out) + (at + kStrip<S>) * To::kSize);
    take_two<To, kHalves<T>>(state, at, v);
  }
};
// `Both`: they are taken as they are while they are read.
template <bool Both, class T, class To> struct Tokens {
  using S = typename Arithmetic<T>::Type;
  const T* x;
  int64_t ld;
  TakenTokens<T, To> plain;
  ANNEAL_INLINE Two<S> get(int64_t i, int64_t w) {
    const T* at = x + i * ld + w * kPlace<S>;
    expect<0, kPlace<S> * sizeof(T)>(at + kStrip<S>);
    const Two<S> v = load_two(at);
    if constexpr (Both) plain.put(i, w, v);
    return v;
  }
};
template <bool Both, class T, class To, class S>
void rotate_strip(const Job& job, const T* x, Buffer<S> between, State<S>& state, State<S>& plain, int64_t wide) {
  Tokens<Both, T, To> from{x, job.in_ld, {plain, job.out_ld}};
  TakenTokens<T, To> to{state, job.out_ld};
  walsh<Inside::kNone>(from, between, to, job.block, wide);
  plain = from.plain.state;
  state = to.state;
}
template <class S> void walsh_here(Buffer<S> x, int64_t count, int64_t wide) { walsh<Inside::kNone>(x, x, x, count, wide); }
// The same of `width` columns of a block of which `there` tokens exist and `wanted` are kept: edges
// are looked at.
template <bool Both, class T, class To, class S>
void rotate_edges(const Job& job, const T* x, S* buffer, State<S>& state, State<S>& plain, int64_t width, int64_t there, int64_t wanted) {
  const auto take = [&](State<S>& s, const S* from, int64_t at) {
    int64_t i = 0;
    for (; i + kLanes<S> <= width; i += kLanes<S>) To::take(s, at + i, load(from + i));
    for (; i < width; ++i) To::one(s, at + i, from[i]);
  };
  for (int64_t i = 0; i < job.block; ++i) {
    S* token = buffer + i * kStrip<S>;
    const int64_t kept = i < there ? width : 0;
    for (int64_t c = 0; c < kept; ++c) token[c] = widen(x[i * job.in_ld + c]);
    for (int64_t c = kept; c < kStrip<S>; ++c) token[c] = 0;
    if (Both && kept > 0) take(plain, token, i * job.out_ld);
  }
  walsh_here(Buffer<S>{buffer, kStrip<S>}, job.block, kStrip<S> / kPlace<S>);
  for (int64_t i = 0; i < job.block && i < wanted; ++i) take(state, buffer + i * kStrip<S>, i * job.out_ld);
}

template <class T, class To, bool Both>
Most tokens(const Job& job, int64_t number, int64_t begin, int64_t end, void* buffer) {
  using S = typename Arithmetic<T>::Type;
  State<S> state = state_of<S>(job), plain = state;
  plain.factor = 1;
  plain.inverse = job.plain_inverse;
  const int64_t first = number * job.block, there = job.in_rows - first, wanted = job.out_rows - first;
  S* x = static_cast<S*>(buffer);
  for (int64_t column = begin; column < end; column += kStrip<S>) {
    const int64_t width = end - column < kStrip<S> ? end - column : kStrip<S>;
    const T* from = static_cast<const T*>(job.in) + first * job.in_ld + column;
    const int64_t out = (first * job.out_ld + column) * To::kSize;
    state.out = static_cast<char*>(job.out) + out;
    plain.out = Both ? static_cast<char*>(job.plain_out) + out : nullptr;
    if (width % kPlace<S> != 0 || there < job.block || wanted < job.block) {
      rotate_edges<Both, T, To>(job, from, x, state, plain, width, there, wanted);
      continue;
    }
    Buffer<S> between{x, kStrip<S>};
    if constexpr (__is_same(To, Store<S>))
      if (job.in == job.out) between = {static_cast<S*>(state.out), job.out_ld};
    rotate_strip<Both, T, To>(job, from, between, state, plain, width / kPlace<S>);
  }
  return {largest_of(state), largest_of(plain)};
}

} // namespace anneal::hadamard::ANNEAL_ISA
