// Checks of stochastic_round_'s arguments, for CPU and CUDA.
#pragma once

#include <ATen/core/Tensor.h>

#include "sample_round.h"

namespace anneal::sample_round {

inline Stream check_arguments(const at::Tensor& out, const at::Tensor& in, int64_t seed,
                              int64_t offset) {
  TORCH_CHECK(out.scalar_type() == at::kBFloat16 && out.is_contiguous(), "bf16_out is ",
              out.scalar_type(), "; it must be bfloat16 and contiguous");
  TORCH_CHECK(in.scalar_type() == at::kFloat && in.is_contiguous(), "fp32_in is ", in.scalar_type(),
              "; it must be float32 and contiguous");
  TORCH_CHECK(in.sizes() == out.sizes(), "fp32_in has the shape ", in.sizes(),
              "; it must be bf16_out's, ", out.sizes());
  TORCH_CHECK(offset >= 0 && offset <= 0xffffffff, "offset is ", offset,
              "; it must be 0 to 2^32 - 1");
  return {static_cast<uint64_t>(seed), static_cast<uint32_t>(offset)};
}

} // namespace anneal::sample_round
