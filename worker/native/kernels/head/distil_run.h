// Between the operators of distil.h and their versions.
#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>

#include "distil.h"

namespace anneal::distil {

struct Settings {
  double inv_n;
  int64_t chunk;
  double cap, mix, temperature;
};

// Checked: h [rows, H], weight [V, H], labels [rows], ids [rows, k] and log_q [rows, k + 1]
// contiguous, dweight [V, H] contiguous or undefined; nll, divergence and dh are to be written.
struct Input {
  at::Tensor h, weight, labels, ids, log_q, dweight, nll, divergence, dh;
};

struct Sums {
  double nll, objective, hits, divergence;
};

// To be written: ids [rows, k], log_q [rows, k + 1].
struct Top {
  at::Tensor h, weight, ids, log_q;
};

// The CPU versions.
Sums run(const Input& in, const Settings& set);
void run(const Top& top, const Settings& set);

// Any type and device, in operators of libtorch. The sums are [4] float64, on the device.
at::Tensor run_by_libtorch(const Input& in, const Settings& set);
void run_by_libtorch(const Top& top, const Settings& set);

// Rows whose logits exist at a time.
inline int64_t chunk_of(int64_t rows, int64_t vocabulary, const Settings& set, int64_t budget) {
  const int64_t fits = std::clamp<int64_t>(budget / (4 * vocabulary), 64, 512);
  return std::min(rows, set.chunk > 0 ? set.chunk : fits);
}

}  // namespace anneal::distil
