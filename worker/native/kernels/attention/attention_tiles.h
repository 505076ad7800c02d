// Flash attention over one block of queries (forward) or keys (backward) of one document.
//
// D head size · R query rows of a block · C keys of a block · r, c rows and keys inside their
// blocks
//
// Forward keeps scores transposed, S[c, r] = K Q^T: keys are only broadcast, so the query block is
// transposed once and no key tile ever is, and maximum and sum run over rows of vectors without a
// horizontal step. Backward walks query blocks for one key block and keeps S[r, c] for the same
// reason.
//
// With `shift` = first query - first key of a pair of blocks, key c is allowed for row r when
// c <= r + shift and, with a window, c > r + shift - window; without a mask the shift is a whole
// block. Scores are kept as log2: the scale and
// log2(e) are multiplied into the transposed operand once.
//
// Policy: float64, float32 or bfloat16 in memory, arithmetic in float64 or float32; dk and dv of a
// key block belong to one task, dq of a query block is added to in ascending order of key blocks.
// So every bit of the result is independent of the number of threads, and of what else is in the
// sequence.
#pragma once

#include "backward_tiles.h"
#include "forward_tiles.h"

namespace anneal::attention::ANNEAL_ISA {

template <class T>
void row_dots(const void* a, const void* b, void* out, int size, int64_t from, int64_t to) {
  using S = typename Arithmetic<T>::Type;
  const int whole = size / kLanes<S> * kLanes<S>;
  for (int64_t row = from; row < to; ++row) {
    const T* x = static_cast<const T*>(a) + row * size;
    const T* y = static_cast<const T*>(b) + row * size;
    Vec<S> dot = {};
    for (int d = 0; d < whole; d += kLanes<S>)
      dot = fma(load(x + d), load(y + d), dot);
    if (whole < size)
      dot += load_part(x + whole, size - whole) * load_part(y + whole, size - whole);
    static_cast<S*>(out)[row] = sum(dot);
  }
}

template <class T>
void convert_rows(const void* from, int from_size, void* to, int size, int64_t first,
                  int64_t last) {
  using S = typename Arithmetic<T>::Type;
  for (int64_t row = first; row < last; ++row)
    write_row(static_cast<const S*>(from) + row * from_size, static_cast<S>(1), size,
              static_cast<T*>(to) + row * size);
}

template <class T> constexpr Tiles tiles_of() {
  using S = typename Arithmetic<T>::Type;
  return {
      kPanel<S>,
      [](const Problem& p, int heads) { return ForwardScratch<S>(p, heads, nullptr).bytes; },
      forward<T>,
      [](const Problem& p) { return BackwardScratch<S>(p, nullptr).bytes; },
      backward<T>,
      row_dots<T>,
      convert_rows<T>,
  };
}

const Tiles& tiles(rows::Element element) {
  static constexpr Tiles all[] = {tiles_of<double>(), tiles_of<float>(), tiles_of<Bf16>()};
  return all[static_cast<int>(element)];
}

} // namespace anneal::attention::ANNEAL_ISA
