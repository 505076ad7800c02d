// Where a group of linear layers gets its input from. A normed input and a gated product are made
// from what the tape holds anyway (the residual stream; gate and up), so the backward makes them
// again rather than keep them: three of the eleven tensors that a block would leave behind, for two
// passes over memory.
#pragma once

#include <ATen/core/Tensor.h>

#include <utility>

namespace anneal::lora_linear {

struct Source {
  enum Kind : int64_t { kGiven, kNorm, kSwiglu };
  Kind kind = kGiven;
  at::Tensor first, second;  // x | x, weight of the norm | gate, up
  double eps = 0, offset = 0;
  int64_t activation = 0;

  // The input, and what a second making needs beside first and second (rstd, or nothing).
  std::pair<at::Tensor, at::Tensor> make() const;
  // The same bits again.
  at::Tensor make_again() const;
  // Derivatives by first and second from that by the input.
  std::pair<at::Tensor, at::Tensor> gradients(const at::Tensor& input, const at::Tensor& rstd, bool need_second) const;
};

}  // namespace anneal::lora_linear
