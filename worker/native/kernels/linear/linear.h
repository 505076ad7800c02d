// The three products of a linear layer, x [..., I], weight [O, I], dy [..., O]:
//
//   linear     y = x W^T (+ bias)         linear_dx   dx = dy W
//   linear_dw  dW = dy^T x                linear_dw_  out += alpha * dy^T x  (out float32, or float64 for float64)
//
// On the CPU float32 and bfloat16 in any combination are multiplied by gemm.h with float32 sums;
// results have the type of x (or dy), that of linear_dw can be chosen. Other types and devices:
// libtorch. linear has a gradient; x is saved only where the weight wants one.
#pragma once

namespace anneal::linear {

inline constexpr const char* kSchemas[] = {
    "linear(Tensor x, Tensor weight, Tensor? bias=None) -> Tensor",
    "linear_dx(Tensor dy, Tensor weight) -> Tensor",
    "linear_dw(Tensor dy, Tensor x, *, ScalarType? dtype=None) -> Tensor",
    "linear_dw_(Tensor(a!) out, Tensor dy, Tensor x, *, float alpha=1.) -> Tensor(a!)",
};

}  // namespace anneal::linear
