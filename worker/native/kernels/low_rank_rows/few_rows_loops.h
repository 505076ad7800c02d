// The loops of few_rows.h, compiled once an instruction set. What a row gets does not depend on the
// rows beside it: sums have the same order for any number of them.
#include "../simd/each_vector.h"
#include "few_rows.h"

namespace anneal::low_rank_rows::ANNEAL_ISA {

using namespace simd::ANNEAL_ISA;

constexpr int kGroup = 4; // rows of a factor at a time

// Each line of the rows behind these is asked for once, while these are multiplied.
ANNEAL_INLINE void prefetch(const float* next, int64_t at) {
  if (next != nullptr) __builtin_prefetch(next + at, 0, 2);
}

// between[t][j] = x[t] . a[j], for `Columns` rows of A.
template <class T, int Rows, int Columns>
ANNEAL_INLINE void dots(const Few& f, const T* x, const float* a, const float* next, float* between) {
  F sums[Rows][Columns] = {};
  each_vector<float>(f.inputs, [&](int64_t i, int n) {
    F right[Columns];
#pragma GCC unroll 4
    for (int j = 0; j < Columns; ++j) {
      right[j] = read(a + j * f.a_ld + i, n);
      prefetch(next, j * f.a_ld + i);
    }
#pragma GCC unroll 4
    for (int t = 0; t < Rows; ++t) {
      const F left = read(x + t * f.x_ld + i, n);
#pragma GCC unroll 4
      for (int j = 0; j < Columns; ++j)
        sums[t][j] = fma(left, right[j], sums[t][j]);
    }
  });
  for (int t = 0; t < Rows; ++t)
    for (int j = 0; j < Columns; ++j)
      between[t * f.rank + j] = sum(sums[t][j]);
}

// change[t] (+)= sum over j of between[t][j] b[j]; what is last goes to y.
template <class T, int Rows, int Columns>
ANNEAL_INLINE void add(const Few& f, const float* between, const float* b, const float* next,
                       float* change, bool is_first, T* y) {
  F left[Rows][Columns];
#pragma GCC unroll 4
  for (int t = 0; t < Rows; ++t)
#pragma GCC unroll 4
    for (int j = 0; j < Columns; ++j)
      left[t][j] = splat(between[t * f.rank + j]);
  each_vector<float>(f.outputs, [&](int64_t o, int n) {
    F right[Columns];
#pragma GCC unroll 4
    for (int j = 0; j < Columns; ++j) {
      right[j] = read(b + j * f.b_ld + o, n);
      prefetch(next, j * f.b_ld + o);
    }
#pragma GCC unroll 4
    for (int t = 0; t < Rows; ++t) {
      F value = is_first ? F{} : read(change + t * f.outputs + o, n);
#pragma GCC unroll 4
      for (int j = 0; j < Columns; ++j)
        value = fma(left[t][j], right[j], value);
      if (y == nullptr)
        write(change + t * f.outputs + o, value, n);
      else
        write(y + t * f.y_ld + o, read(y + t * f.y_ld + o, n) + value, n);
    }
  });
}

template <class T, int Rows> void rows_of(const Few& f, int64_t row) {
  const T* x = static_cast<const T*>(f.x) + row * f.x_ld;
  T* y = static_cast<T*>(f.y) + row * f.y_ld;
  float* between = f.scratch;
  float* change = between + Rows * f.rank;
  const int64_t groups = f.rank / kGroup, grouped = groups * kGroup;
  const auto behind = [&](const float* factor, int64_t ld, int64_t j, const float* other) {
    return j + kGroup < f.rank ? factor + (j + kGroup) * ld : other;
  };
  for (int64_t j = 0; j < grouped; j += kGroup)
    dots<T, Rows, kGroup>(f, x, f.a + j * f.a_ld, behind(f.a, f.a_ld, j, f.b), between + j);
  for (int64_t j = grouped; j < f.rank; ++j)
    dots<T, Rows, 1>(f, x, f.a + j * f.a_ld, nullptr, between + j);
  for (int64_t j = 0; j < grouped; j += kGroup)
    add<T, Rows, kGroup>(f, between + j, f.b + j * f.b_ld, behind(f.b, f.b_ld, j, f.next), change,
                         j == 0, j + kGroup < f.rank ? nullptr : y);
  for (int64_t j = grouped; j < f.rank; ++j)
    add<T, Rows, 1>(f, between + j, f.b + j * f.b_ld, nullptr, change, j == 0,
                    j + 1 < f.rank ? nullptr : y);
}

template <class T> void few(const Few& f) {
  using Part = void (*)(const Few&, int64_t);
  static constexpr Part part[kTogether] = {rows_of<T, 1>, rows_of<T, 2>, rows_of<T, 3>,
                                           rows_of<T, 4>};
  for (int64_t row = 0; row < f.count; row += kTogether) {
    const int64_t rest = f.count - row;
    part[(rest < kTogether ? rest : kTogether) - 1](f, row);
  }
}

Run run(bool is_bfloat16) { return is_bfloat16 ? few<Bf16> : few<float>; }

} // namespace anneal::low_rank_rows::ANNEAL_ISA
