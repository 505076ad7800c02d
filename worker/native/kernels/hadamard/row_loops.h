// `rows` of Loops: each row is read, transformed, mixed and taken by a sink.
#pragma once

#include "mixing.h"
#include "sinks.h"

namespace anneal::hadamard::ANNEAL_ISA {

// A row that is read, and where its rotated values go; those of the next row are asked for
// meanwhile.
template <class T> struct Row {
  using S = typename Arithmetic<T>::Type;
  const T* x;
  int64_t ld;
  ANNEAL_INLINE Two<S> get(int64_t i, int64_t) const {
    expect<0, kPlace<S> * sizeof(T)>(x + ld + i * kPlace<S>);
    return load_two(x + i * kPlace<S>);
  }
};
template <class T, class To> struct Taken {
  using S = typename Arithmetic<T>::Type;
  State<S> state;
  int64_t from, ld;
  ANNEAL_INLINE void put_one(int64_t i, Vec<S> v) {
    expect<1, kLanes<S> * To::kSize>(static_cast<char*>(state.out) + (from + i + ld) * To::kSize);
    To::take(state, from + i, v);
  }
  ANNEAL_INLINE void put(int64_t i, int64_t, Two<S> v) { put_at(i * kPlace<S>, v); }
  ANNEAL_INLINE void put_at(int64_t i, Two<S> v) {
    if constexpr (!__is_same(To, Streamed)) expect<1, kPlace<S> * To::kSize>(static_cast<char*>(state.out) + (from + i + ld) * To::kSize);
    take_two<To, kHalves<T>>(state, from + i, v);
  }
};

template <class T> constexpr Inside kInside = kHalves<T> ? Inside::kHalves : Inside::kNeighbours;
// Parts of whole places, each transformed by itself.
template <class T, class S> void transform_parts(const Job& job, const T* row, S* x) {
  const int64_t size = job.inner, count = size / kPlace<S>;
  for (int64_t part = 0; part < job.outer; ++part) {
    Row<T> from{row + part * size, job.in_ld};
    Buffer<S> to{x + part * size, kPlace<S>};
    if (count <= kRadix)
      narrowest<kInside<T>, S>(from, to, 0, count, 1, count);
    else
      walsh<kInside<T>>(from, to, to, count, 1);
  }
}
// The same, and `kept` has a vector for each part.
template <class T, class To, class Mix, class S>
ANNEAL_INLINE void rotate(const Job& job, const T* row, Taken<T, To>& to, S* x, S* kept, const Mix& mix_parts) {
  const int64_t size = job.inner;
  if constexpr (__is_same(Mix, Unmixed)) {
    for (int64_t part = 0; part < job.outer; ++part) {
      Row<T> from{row + part * size, job.in_ld};
      to.from = part * size;
      walsh<kInside<T>>(from, Buffer<S>{x, kPlace<S>}, to, size / kPlace<S>, 1);
    }
  } else {
    transform_parts(job, row, x);
    for (int64_t j = 0; j < size; j += kLanes<S>)
      mix_parts(x + j, size, [&](int64_t k, Vec<S> v) __attribute__((always_inline)) {
        S* first = kept + k * kLanes<S>;
        if constexpr (!kHalves<T>)
          to.put_one(k * size + j, v);
        else if (j % kPlace<S> == 0)
          store(first, v);
        else
          to.put_at(k * size + j - kLanes<S>, {load(first), v});
      });
  }
}
template <class T, class To, class Mix, class S>
Most rotate_rows(const Job& job, int64_t begin, int64_t end, S* x, const Mix& mix_parts) {
  Taken<T, To> to{state_of<S>(job), 0, job.out_ld};
  for (int64_t r = begin; r < end; ++r) {
    to.state.out = static_cast<char*>(job.out) + r * job.out_ld * To::kSize;
    rotate(job, static_cast<const T*>(job.in) + r * job.in_ld, to, x, x + job.columns, mix_parts);
  }
  if constexpr (__is_same(To, Streamed)) streamed();
  return {largest_of(to.state), 0};
}

// Rows that are not rotated.
template <class T, class To> Most plain_rows(const Job& job, int64_t begin, int64_t end) {
  using S = typename Arithmetic<T>::Type;
  State<S> state = state_of<S>(job);
  const int64_t n = job.columns, whole = n / kPlace<S> * kPlace<S>;
  for (int64_t r = begin; r < end; ++r) {
    const T* from = static_cast<const T*>(job.in) + r * job.in_ld;
    state.out = static_cast<char*>(job.out) + r * job.out_ld * To::kSize;
    for (int64_t i = 0; i < whole; i += kPlace<S>) take_two<To, kHalves<T>>(state, i, load_two(from + i));
    for (int64_t i = whole; i < n; ++i) To::one(state, i, widen(from[i]));
  }
  return {largest_of(state), 0};
}

// Rows whose parts have no whole places.
template <class T, class To, class S> Most uneven_rows(const Job& job, int64_t begin, int64_t end, S* x) {
  S* kept = x + job.columns;
  State<S> state = state_of<S>(job);
  for (int64_t r = begin; r < end; ++r) {
    const T* from = static_cast<const T*>(job.in) + r * job.in_ld;
    for (int64_t i = 0; i < job.columns; ++i) x[i] = widen(from[i]);
    for (int64_t part = 0; part < job.outer; ++part) walsh_values(x + part * job.inner, job.inner);
    if (job.mixing) mix_values(x, kept, static_cast<const S*>(job.mixing), job.outer, job.inner);
    state.out = static_cast<char*>(job.out) + r * job.out_ld * To::kSize;
    for (int64_t i = 0; i < job.columns; ++i) To::one(state, i, x[i]);
  }
  return {largest_of(state), 0};
}

template <class T, class To> Most rows(const Job& job, int64_t begin, int64_t end, void* buffer) {
  using S = typename Arithmetic<T>::Type;
  S* x = static_cast<S*>(buffer);
  const S* mixing = static_cast<const S*>(job.mixing);
  if (job.inner == 1 && !mixing) return plain_rows<T, To>(job, begin, end);
  if (job.inner % kPlace<S> != 0) return uneven_rows<T, To>(job, begin, end, x);
  if (!mixing) return rotate_rows<T, To>(job, begin, end, x, Unmixed{});
  // An odd order is one of Hartley.
  if constexpr (sizeof(S) == sizeof(float)) {
    if (job.outer == 3) return rotate_rows<T, To>(job, begin, end, x, Hartley<S, 3>(mixing));
    if (job.outer == 5) return rotate_rows<T, To>(job, begin, end, x, Hartley<S, 5>(mixing));
    if (job.outer == 7) return rotate_rows<T, To>(job, begin, end, x, Hartley<S, 7>(mixing));
    if (job.outer == 9) return rotate_rows<T, To>(job, begin, end, x, Hartley<S, 9>(mixing));
    if (job.outer == 11) return rotate_rows<T, To>(job, begin, end, x, Hartley<S, 11>(mixing));
    if (job.outer == 15) return rotate_rows<T, To>(job, begin, end, x, Hartley<S, 15>(mixing));
  }
  if (job.outer % 2 != 0) return rotate_rows<T, To>(job, begin, end, x, AnyHartley<S>(mixing, job.outer));
  return rotate_rows<T, To>(job, begin, end, x, Mixed<S>{mixing, job.outer});
}

} // namespace anneal::hadamard::ANNEAL_ISA
