// One sweep of GPTQ (Frantar et al. 2023) over neighbouring columns of a matrix: a column is
// rounded to its grid, and what it is off by is made up for in the columns to its right.
//
//   for j in [0, count):   q = clamp(rint(w_j / s + z - [z]) + [z], 0, largest)    ties to even
//                          e_j = (w_j - (q - z) s) / U_jj
//                          w_k <- w_k - e_j U_jk   for j < k < count
//
// [z] is the integer next to z, z itself where zeros are integers. weight [m, n] float32, read in
// the columns [first, first + count). scales, zeros [m, G] float32, for groups of `group` columns;
// scales above 0. factor [n, n] float32: U, the upper Cholesky factor of the inverse of the inputs'
// Gram matrix. codes [m, n] uint8 is written in the same columns. Returns e [m, count]: the columns
// beyond still want `weight -= e U[first .. first + count, beyond]`.
//
// A row is computed by one thread, in the order above, each product rounded before it is
// subtracted: the same bits for any number of threads, and on a device as on a processor.
#pragma once

#include <ATen/core/Tensor.h>

#include "../host_device.h"

namespace anneal::gptq {

inline constexpr const char* kSchema =
    "gptq_sweep(Tensor weight, Tensor(a!) codes, Tensor scales, Tensor zeros, Tensor factor, int first, int count, "
    "int group, int largest) -> Tensor";

constexpr int kMostColumns = 128;

struct Sweep {
  const float* weight;
  uint8_t* codes;
  const float* scales;
  const float* zeros;
  const float* factor;
  float* errors;
  int64_t rows, columns, groups;
  int64_t first, count, group;
  float largest;
};

// To the nearest integer, ties to even, for values below 2^22: the same on any device.
ANNEAL_HOST_DEVICE static inline float nearest(float value) { return (value + 12582912.0f) - 12582912.0f; }

ANNEAL_HOST_DEVICE static inline float between(float low, float value, float high) {
  return value < low ? low : value > high ? high : value;
}

ANNEAL_HOST_DEVICE static inline float code_of(float weight, float scale, float zero, float largest) {
  constexpr float far = 65536.0f;  // beyond all codes, so what is cut off is cut off anyway
  const float whole = nearest(zero);
  const float steps = between(-far, weight / scale + (zero - whole), far);
  return between(0, nearest(steps) + whole, largest);
}

// Product: of two numbers, rounded by itself; a GPU's compiler would fuse it with what follows.
template <class Product>
ANNEAL_HOST_DEVICE static inline void sweep_row(const Sweep& s, int64_t row, Product product) {
  float w[kMostColumns];
  const float* from = s.weight + row * s.columns + s.first;
  for (int64_t j = 0; j < s.count; ++j) w[j] = from[j];
  for (int64_t j = 0; j < s.count; ++j) {
    const int64_t column = s.first + j, at = row * s.groups + column / s.group;
    const float scale = s.scales[at], zero = s.zeros[at];
    const float code = code_of(w[j], scale, zero, s.largest);
    const float* u = s.factor + column * s.columns + s.first;
    const float error = (w[j] - product(code - zero, scale)) / u[j];
    s.codes[row * s.columns + column] = static_cast<uint8_t>(code);
    s.errors[row * s.count + j] = error;
    for (int64_t k = j + 1; k < s.count; ++k) w[k] -= product(error, u[k]);
  }
}

}  // namespace anneal::gptq
