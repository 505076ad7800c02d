// CPU entry of rope: threads.

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <torch/library.h>

#include "../isa.h"
#include "rope_arguments.h"

namespace anneal::rope {

namespace {

using at::Tensor;

Tensor rope(const Tensor& x_in, const Tensor& cos, const Tensor& sin, bool inverse) {
  const Tensor x = rows::dense_rows(x_in);
  const Tensor y = at::empty(x.sizes(), x.options());
  const Arguments a = check_arguments(x, y, cos, sin, inverse);
  const Loop loop = ANNEAL_CHOOSE(loop)(a.element);
  at::parallel_for(0, a.count, rows::grain(a.turn.size),
                   [&](int64_t begin, int64_t end) { loop(a.turn, begin, end); });
  return y;
}

} // namespace

TORCH_LIBRARY_IMPL(anneal, CPU, m) { m.impl("_rope", TORCH_FN(rope)); }

} // namespace anneal::rope
