// Between the operator of head.h and its versions.
#pragma once

#include <ATen/core/Tensor.h>

#include "head.h"

namespace anneal::head {

// Checked: h [rows, H], weight [V, H], labels [rows] contiguous and in [0, V), row_weight [rows]
// float32 contiguous or undefined, dweight [V, H] contiguous or undefined; nll and dh are to be
// written (dh is empty where not wanted).
struct Input {
  at::Tensor h, weight, labels, row_weight, dweight, nll, dh;
};

struct Sums {
  double nll, objective;
  int64_t hits;
};

// Whether the CPU version can; and it.
bool ours(const Input& in);
Sums run(const Input& in, const Settings& set);

// Any type and device, in operators of libtorch and _head_rows_. [3] float64, on the device.
at::Tensor run_by_libtorch(const Input& in, const Settings& set);

}  // namespace anneal::head
