// What the forward and the backward of attention_tiles.h share: which keys a row may see, and tiles
// in and out of the cache.
#pragma once

#include "../simd/math.h"
#include "../simd/tile_product.h"
#include "tiles.h"

namespace anneal::attention::ANNEAL_ISA {

using namespace simd::ANNEAL_ISA;

constexpr double kLog2E = 1.44269504088896340736;
constexpr double kLn2 = 0.69314718055994530942;

inline int least(int a, int b) {
  return a < b ? a : b;
}
inline int most(int a, int b) {
  return a > b ? a : b;
}

// Allowed keys of one pair of blocks.
struct Band {
  int shift;
  int window;
  int rows;
  int keys;

  int first_key(int row) const {
    return window == 0 ? 0 : least(keys, most(0, row + shift - window + 1));
  }
  int end_key(int row) const { return most(0, least(keys, row + shift + 1)); }
  Span keys_of(int row, int end) const { return {first_key(row), end_key(end - 1)}; }
  Span rows_of(int key, int end) const {
    const int last = window == 0 ? rows : least(rows, end - 1 - shift + window);
    return {most(0, key - shift), last};
  }
  bool touches(int row, int row_end, int key, int key_end) const {
    return key <= row_end - 1 + shift && (window == 0 || key_end - 1 > row + shift - window);
  }
  bool is_full() const {
    return keys - 1 <= shift && (window == 0 || rows - 1 + shift - window < 0);
  }
};

// Without causal a row sees every key: a shift of a whole block allows all of them.
inline Band band_of(const Problem& p, const Task& task, int query_block, int key_block) {
  const int shift = p.causal ? (query_block - key_block) * p.block : p.block;
  return {shift, p.window, least(p.block, task.length - query_block * p.block),
          least(p.block, task.key_length - key_block * p.block)};
}

template <class T, class S>
void copy_rows(const T* from, int64_t stride, int rows, int size, S* to, int ld) {
  const int whole = size / kLanes<S> * kLanes<S>;
  const int end = round_up(size, kPanel<S>);
  for (int r = 0; r < rows; ++r) {
    const T* source = from + r * stride;
    S* target = to + r * ld;
    for (int d = 0; d < whole; d += kLanes<S>)
      store(target + d, load(source + d));
    for (int d = whole; d < size; ++d)
      target[d] = widen(source[d]);
    for (int d = size; d < end; ++d)
      target[d] = 0;
  }
}

// to[d, r] = factor * from[r, d]; columns up to the whole panel are zero.
template <class T, class S>
void copy_transposed(const T* from, int64_t stride, int rows, int size, S factor, S* to, int ld) {
  constexpr int lanes = kLanes<S>;
  for (int r = 0; r < round_up(rows, kPanel<S>); r += lanes) {
    for (int d = 0; d < size; d += lanes) {
      const int width = least(lanes, size - d);
      Vec<S> x[lanes];
      for (int i = 0; i < lanes; ++i) {
        const T* source = from + (r + i) * stride + d;
        x[i] = r + i >= rows ? Vec<S>{} : width == lanes ? load(source) : load_part(source, width);
      }
      transpose<S>(x);
      for (int i = 0; i < width; ++i)
        store(to + (d + i) * ld + r, x[i] * factor);
    }
  }
}

template <class T, class S> void write_row(const S* from, S factor, int size, T* to) {
  const int whole = size / kLanes<S> * kLanes<S>;
  for (int d = 0; d < whole; d += kLanes<S>)
    store(to + d, load(from + d) * factor);
  if (whole < size)
    store_part(to + whole, load(from + whole) * factor, size - whole);
}

// What the operand beside keys is multiplied with, and what turns the product into log2 of a
// weight.
template <class S> struct Scores {
  S factor;
  S cap; // cap * log2(e), or 0

  explicit Scores(const Problem& p)
      : factor(static_cast<S>(p.cap > 0 ? p.scale / p.cap : p.scale * kLog2E)),
        cap(static_cast<S>(p.cap > 0 ? p.cap * kLog2E : 0)) {}
};

} // namespace anneal::attention::ANNEAL_ISA
