// The inner loops of low_rank_rows.h for few rows: both products of an adapter in one go, its
// factors read once, in the order in which they lie.
#pragma once

#include <stdint.h>

namespace anneal::low_rank_rows {

// Rows that share one reading of the factors; more are taken in turns.
constexpr int kTogether = 4;

struct Few {
  const void* x; // [count, inputs]
  void* y;       // [count, outputs], of x's type
  int64_t x_ld, y_ld, count, inputs, outputs, rank;
  const float* a; // [rank, inputs]
  const float* b; // [rank, outputs], so turned
  int64_t a_ld, b_ld;
  float* scratch; // kTogether * (rank + outputs)
  const float* next; // what the thread reads after this, or null
};

using Run = void (*)(const Few&);

namespace avx512 {
Run run(bool is_bfloat16);
}
namespace avx2 {
Run run(bool is_bfloat16);
}
namespace portable {
Run run(bool is_bfloat16);
}

} // namespace anneal::low_rank_rows
