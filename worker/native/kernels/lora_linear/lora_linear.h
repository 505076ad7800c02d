// Linear layers that read the same input, each with or without a low-rank adapter:
//
//   y_m = x W_m^T + bias_m + scale_m * (xd A_m^T) B_m^T        xd = dropped if given, else x
//
// x [..., I], W_m [O_m, I], A_m [r_m, I], B_m [O_m, r_m]. W, A, B, bias float32 or bfloat16 in any
// combination; y has the type of x. One rounding: the adapter is further depth of the same sum.
//
// Saved for the backward: x (the same tensor for all of a block's layers), what the caller owns
// anyway, and t = scale * xd A^T, [rows, r], float32. With dt_m = scale_m * dy_m B_m:
//
//   dx = sum over m of dy_m W_m + dt_m A_m      dA_m = dt_m^T xd      dB_m = dy_m^T t_m      dW_m = dy_m^T x
//
// as one sum into one buffer. x is packed once for the whole group, and what nobody asked for is
// not computed: a frozen W costs no product and, without adapters, saves no x.
//
// A or B may be an index [r] of int32 instead, for a change of chosen columns or rows of W. It
// stands for the matrix with a one at each place, which is never made:
//
//   A: y += scale * x[:, i] B^T      saves x[:, i] alone, in the type of x      dx[:, i] += dt
//   B: y[:, i] += scale * x A^T      dt = scale * dy[:, i], saves no t
//
// What is added to chosen places of y or dx is added after their rounding to the type of x.
//
// With A an index [k] and B [k], a vector, single values of W change (sparse_change.h). The group
// then reads copies of these weights with the changes in them, in the type of x, made for the
// forward and again for the backward; x is saved, and no dense dW made:
//
//   y = x (W + scatter(A, B))^T      dx = dy (W + scatter(A, B))      dB = dW[A]
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <vector>

namespace anneal::lora_linear {

inline constexpr const char* kSchemas[] = {
    "linear_group(Tensor x, Tensor[] weights, Tensor?[] biases) -> Tensor[]",
    "lora_linear(Tensor x, Tensor weight, Tensor? bias, Tensor a, Tensor b, float scale, Tensor? dropped=None) "
    "-> Tensor",
    "lora_linear_group(Tensor x, Tensor[] weights, Tensor?[] biases, Tensor?[] a, Tensor?[] b, float[] scales, "
    "Tensor? dropped=None) -> Tensor[]",
    // x = rms_norm(stream, norm) and x = swiglu(gate, up), not kept for the backward but made again
    // (source.h). a, b and scales are empty where there are no adapters at all.
    "norm_linear_group(Tensor stream, Tensor norm, float eps, float offset, Tensor[] weights, Tensor?[] biases, "
    "Tensor?[] a, Tensor?[] b, float[] scales) -> Tensor[]",
    "swiglu_linear(Tensor gate, Tensor up, int activation, Tensor weight, Tensor? bias, Tensor?[] a, Tensor?[] b, "
    "float[] scales) -> Tensor",
};

struct Member {
  at::Tensor weight;
  at::Tensor bias;  // or undefined
  at::Tensor a, b;  // or undefined: no adapter
  double scale;
};

inline bool is_index(const at::Tensor& t) { return t.defined() && t.scalar_type() == at::kInt; }

// Whether single values of the weight change.
inline bool is_sparse(const Member& m) { return is_index(m.a) && m.b.defined() && m.b.dim() == 1 && !is_index(m.b); }

struct Group {
  at::Tensor x;
  at::Tensor dropped;  // or undefined
  std::vector<Member> members;
};

struct Outputs {
  std::vector<at::Tensor> y;
  std::vector<at::Tensor> t;  // one a member, undefined without an adapter
};

struct Needs {
  bool x, dropped;                 // x: for whatever it was made from
  bool separate;                   // the adapters read dropped, not x
  std::vector<bool> weight, a, b;  // one a member
};

struct Gradients {
  at::Tensor x, dropped;
  std::vector<at::Tensor> weight, a, b;
};

Outputs forward(const Group& group);
// dy: one a member, undefined where that output was not used. x and dropped may be missing where no
// gradient reads them.
Gradients backward(const Group& group, const std::vector<at::Tensor>& dy, const std::vector<at::Tensor>& t,
                   const Needs& needs);

// The same for groups without sparse changes.
Outputs forward_by_products(const Group& group);
Gradients backward_by_products(const Group& group, const std::vector<at::Tensor>& dy, const std::vector<at::Tensor>& t,
                               const Needs& needs);

// And in operators of libtorch, for float64 and other devices.
Outputs forward_by_libtorch(const Group& group);
Gradients backward_by_libtorch(const Group& group, const std::vector<at::Tensor>& dy, const std::vector<at::Tensor>& t,
                               const Needs& needs);

}  // namespace anneal::lora_linear
