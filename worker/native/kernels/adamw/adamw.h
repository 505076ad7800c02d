// AdamW (decoupled weight decay), one pass over memory.
//
//   g = gradScale · grad
//   p = p · (1 − lr · weightDecay)
//   m = m + (1 − β1) · (g − m)
//   v = β2 · v + (1 − β2) · g²
//   p = p − lr / (1 − β1^step) · m / (√v / √(1 − β2^step) + ε)
//
// param float32, or bfloat16 with or without a float32 master copy (the master is updated and param
// is its rounding); grad, m and v float32 or bfloat16, m and v alike. Arithmetic in float32, bias
// corrections in float64. All contiguous, written in place, element by element: deterministic, and
// the same for any number of threads.
#pragma once

#include <stdint.h>

namespace anneal::adamw {

inline constexpr const char* kSchema =
    "adamw_(Tensor(a!) param, Tensor grad, Tensor(b!) exp_avg, Tensor(c!) exp_avg_sq, "
    "Tensor(d!)? master=None, *, float lr, float beta1, float beta2, float eps, "
    "float weight_decay, int step, float grad_scale=1.0) -> ()";

// One tensor's memory; exactly one of the two types is set by each flag.
struct Arrays {
  void* param;
  const void* grad;
  void* exp_avg;
  void* exp_avg_sq;
  float* master;  // null: param itself holds the value
  bool param_is_bf16;
  bool grad_is_bf16;
  bool state_is_bf16;
};

struct Factors {
  float grad_scale;
  float keep;        // 1 − lr · weight_decay
  float take_grad;   // 1 − β1
  float beta2;
  float take_square;  // 1 − β2
  float step_size;    // lr / (1 − β1^step)
  float root_bias2;   // √(1 − β2^step)
  float eps;
};

using Loop = void(const Arrays& arrays, const Factors& factors, int64_t begin, int64_t end);

namespace portable { Loop update; }
namespace avx2 { Loop update; }
namespace avx512 { Loop update; }

}  // namespace anneal::adamw
