// Whether rows may be read in packs of n neighbours (vector.cuh).
#pragma once

#include "../vector.cuh"
#include "rows.h"

namespace anneal::rows {

// Every row of `size` values begins at a multiple of the pack.
inline bool are_packed(const Rows& rows, int64_t size, int n) {
  return device::are_aligned({rows.data}) && size % n == 0 && rows.outer_stride % n == 0 && rows.inner_stride % n == 0;
}

} // namespace anneal::rows
