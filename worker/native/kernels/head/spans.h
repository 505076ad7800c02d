// Spans of the vocabulary: so much of it is packed for a product at a time.
#pragma once

#include "../gemm/gemm.h"

namespace anneal::head {

constexpr int64_t kSpan = 32 * gemm::kStrip;

inline gemm::Matrix rows_of(const gemm::Matrix& m, int64_t from, int64_t rows) {
  gemm::Matrix part = m;
  const auto size = static_cast<int64_t>(gemm::size_of(m.storage));
  part.data = static_cast<const char*>(m.data) + from * (m.transposed ? 1 : m.ld) * size;
  part.rows = rows;
  return part;
}

}  // namespace anneal::head
