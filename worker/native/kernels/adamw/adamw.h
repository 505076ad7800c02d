// AdamW (decoupled weight decay), one pass over memory.
//
//   g = gradScale · grad
//   p = p · (1 − lr · weightDecay)
//   m = m + (1 − β1) · (g − m)
//   v = β2 · v + (1 − β2) · g²
//   p = p − lr / (1 − β1^step) · m / (√v / √(1 − β2^step) + ε)
//
// param float32, or bfloat16: then with a float32 master copy (the master is updated and param is
// its rounding), or without one. grad, m and v float32 or bfloat16, m and v alike. What is bfloat16
// is rounded to nearest, or with roundingKey up or down at random so that the expected value is
// exact: param without master, m and v, each by a stream of its own. All float64
// also works, for tests. Arithmetic in float32 (float64), bias corrections in float64. All
// contiguous, written in place, element by element: the same bits for any number of threads.
#pragma once

#include <stdint.h>

namespace anneal::adamw {

inline constexpr const char* kSchema =
    "adamw_(Tensor(a!) param, Tensor grad, Tensor(b!) exp_avg, Tensor(c!) exp_avg_sq, "
    "Tensor(d!)? master=None, *, float lr, float beta1, float beta2, float eps, "
    "float weight_decay, int step, float grad_scale=1.0, int? rounding_key=None) -> ()";

enum class Type { kFloat32, kFloat64, kBfloat16 };

// One tensor's memory.
struct Arrays {
  void* param;
  const void* grad;
  void* exp_avg;
  void* exp_avg_sq;
  float* master; // null: param itself holds the value
  Type param_type;
  Type grad_type;
  Type state_type;
};

struct Factors {
  double grad_scale;
  double keep;      // 1 − lr · weight_decay
  double take_grad; // 1 − β1
  double beta2;
  double take_square; // 1 − β2
  double step_size;   // lr / (1 − β1^step)
  double root_bias2;  // √(1 − β2^step)
  double eps;
  bool stochastic; // how a bfloat16 param without master, and bfloat16 moments, are rounded
  uint64_t rounding_key;
};

using Loop = void(const Arrays& arrays, const Factors& factors, int64_t begin, int64_t end);

namespace portable {
Loop update;
}
namespace avx2 {
Loop update;
}
namespace avx512 {
Loop update;
}

} // namespace anneal::adamw
