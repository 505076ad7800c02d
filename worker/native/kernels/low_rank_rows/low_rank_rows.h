// Low-rank products of some rows each, added in place: what adapters of a server, each with rows of
// its own, change beside one product of the base (S-LoRA, arXiv 2311.03285).
//
//   y[from_i .. from_i + count_i] += (x[the same rows] A_i^T) B_i^T      for each i
//
// y [T, O], x [T, I] float32 or bfloat16; A_i [r_i, I], B_i [O, r_i] float32 or bfloat16, any
// ranks; `rows` from_1, count_1, from_2, ...: ranges that do not meet. Sums and the rows between
// the factors are float32, and y is rounded once. What is computed for a range depends on nothing
// outside it, NaN included, nor on the number of threads. On a device libtorch's operators, range
// by range.
#pragma once

#include <ATen/core/Tensor.h>

namespace anneal::low_rank_rows {

inline constexpr const char* kSchema =
    "add_low_rank_(Tensor(a!) y, Tensor x, Tensor[] a, Tensor[] b, int[] rows) -> Tensor(a!)";

}  // namespace anneal::low_rank_rows
