// Schema and CPU entry of anneal::gptq_sweep.
#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <torch/library.h>

#include <algorithm>

#include "gptq_arguments.h"

namespace anneal::gptq {

namespace {

constexpr int64_t kLeastWork = 1 << 16;  // products a thread

at::Tensor gptq_sweep_cpu(const at::Tensor& weight, at::Tensor& codes, const at::Tensor& scales,
                          const at::Tensor& zeros, const at::Tensor& factor, int64_t first, int64_t count,
                          int64_t group, int64_t largest) {
  at::Tensor errors = at::empty({weight.size(0), count}, weight.options());
  const Sweep sweep = check_arguments(weight, codes, scales, zeros, factor, errors, first, group, largest);
  const int64_t grain = std::max<int64_t>(1, kLeastWork / (count * count + 1));
  at::parallel_for(0, sweep.rows, grain, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) sweep_row(sweep, row, [](float a, float b) { return a * b; });
  });
  return errors;
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(anneal, m) { m.def(kSchema); }
TORCH_LIBRARY_IMPL(anneal, CPU, m) { m.impl("gptq_sweep", TORCH_FN(gptq_sweep_cpu)); }

}  // namespace anneal::gptq
