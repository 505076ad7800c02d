// A tensor seen as rows of its last dimension, which is dense: row r of [outer, inner, size] lies
// at (r / inner) * outer_stride + (r % inner) * inner_stride. Without torch, for files of one
// instruction set.
#pragma once

#include <stdint.h>

#include "../host_device.h"

namespace anneal::rows {

enum class Element { kFloat64, kFloat32, kBFloat16 };

struct Rows {
  void* data;
  int64_t inner;
  int64_t outer_stride;
  int64_t inner_stride;
};

template <class T> ANNEAL_HOST_DEVICE static inline T* row(const Rows& rows, int64_t r) {
  return static_cast<T*>(rows.data) + r / rows.inner * rows.outer_stride +
         r % rows.inner * rows.inner_stride;
}

} // namespace anneal::rows
