// sparse_change.h: on a processor a loop of its own, on a device operators of libtorch.
#include "sparse_change.h"

#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>
#include <torch/library.h>

#include <algorithm>

#include "../gemm/matrix.h"
#include "../gemm/wide_product.h"
#include "../quantized/quantized.h"

namespace anneal::sparse_change {

namespace {

using at::Tensor;

constexpr int64_t kLeastProducts = 1 << 15;  // a thread
constexpr int64_t kPanel = 1 << 22;          // values of the dense product at a time
constexpr int kLanes = 16;                   // sums of a product, added in one order

template <typename scalar>
scalar dot(const scalar* a, const scalar* b, int64_t count) {
  scalar sums[kLanes] = {};
  int64_t t = 0;
  for (; t + kLanes <= count; t += kLanes)
    for (int lane = 0; lane < kLanes; ++lane) sums[lane] += a[t + lane] * b[t + lane];
  for (int lane = 0; t + lane < count; ++lane) sums[lane] += a[t + lane] * b[t + lane];
  for (int half = kLanes / 2; half > 0; half /= 2)
    for (int lane = 0; lane < half; ++lane) sums[lane] += sums[lane + half];
  return sums[0];
}

at::ScalarType type_of_sums(const Tensor& x) { return x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat; }

Tensor on_processor(const Tensor& dy, const Tensor& x, const Tensor& index) {
  const auto type = type_of_sums(x);
  const Tensor left = dy.to(type).t().contiguous(), right = x.to(type).t().contiguous();
  const Tensor places = index.contiguous();
  const Tensor out = at::empty({places.numel()}, x.options().dtype(type));
  const int64_t tokens = x.size(0), inputs = x.size(1), all = dy.size(1) * inputs;
  const int32_t* at = places.const_data_ptr<int32_t>();
  for (int64_t j = 0; j < places.numel(); ++j)
    TORCH_CHECK(at[j] >= 0 && at[j] < all, "index[", j, "] is ", at[j], "; it must be from 0 to ", all - 1);
  AT_DISPATCH_FLOATING_TYPES(type, "sampled_product", [&] {
    const scalar_t* a = left.const_data_ptr<scalar_t>();
    const scalar_t* b = right.const_data_ptr<scalar_t>();
    scalar_t* to = out.mutable_data_ptr<scalar_t>();
    const int64_t grain = std::max<int64_t>(1, kLeastProducts / (tokens + 1));
    at::parallel_for(0, places.numel(), grain, [&](int64_t first, int64_t end) {
      for (int64_t j = first; j < end; ++j)
        to[j] = dot(a + at[j] / inputs * tokens, b + at[j] % inputs * tokens, tokens);
    });
  });
  return out;
}

Tensor on_device(const Tensor& dy, const Tensor& x, const Tensor& index) {
  const auto type = type_of_sums(x);
  const int64_t inputs = x.size(1), outputs = dy.size(1);
  const int64_t rows = std::max<int64_t>(1, kPanel / std::max<int64_t>(1, inputs));
  const Tensor places = index.to(at::kLong);
  Tensor out = at::zeros({places.numel()}, x.options().dtype(type));
  for (int64_t first = 0; first < outputs; first += rows) {
    const int64_t count = std::min(rows, outputs - first), values = count * inputs;
    const Tensor panel = gemm::wide_product(dy.narrow(1, first, count).t(), x, type).reshape({-1});
    const Tensor at = places.sub(first * inputs);
    const Tensor found = panel.index_select(0, at.clamp(0, values - 1));
    out = at::where(at.ge(0).logical_and_(at.lt(values)), found, out);
  }
  return out;
}

}  // namespace

Tensor patched(const Tensor& weight, const Tensor& index, const Tensor& value, at::ScalarType type) {
  const bool is_quantized = quantized::is_quantized(weight);
  const Tensor whole = is_quantized
                           ? quantized::dense_rows(weight, type, 0, quantized::shape_of(weight).outputs)
                           : weight.to(type, /*non_blocking=*/false, /*copy=*/true, at::MemoryFormat::Contiguous);
  const Tensor flat = whole.view({-1});
  const Tensor places = index.to(at::kLong);
  const Tensor changed = flat.index_select(0, places).to(value.scalar_type()).add_(value).to(type);
  Tensor(flat).index_copy_(0, places, changed);
  return whole;
}

Tensor sampled_product(const Tensor& dy, const Tensor& x, const Tensor& index) {
  const Tensor left = gemm::flat(dy), right = gemm::flat(x);
  TORCH_CHECK(index.dim() == 1 && index.scalar_type() == at::kInt, "index is ", index.scalar_type(), " of the shape ",
              index.sizes(), "; it must be int32 with one dimension");
  TORCH_CHECK(left.size(0) == right.size(0) && left.scalar_type() == right.scalar_type(), "dy and x have ",
              left.size(0), " and ", right.size(0), " rows; they must have as many, in one type");
  return index.is_cpu() ? on_processor(left, right, index) : on_device(left, right, index);
}

TORCH_LIBRARY_FRAGMENT(anneal, m) { m.def(kSchema); }
TORCH_LIBRARY_IMPL(anneal, CompositeExplicitAutograd, m) { m.impl("sampled_product", TORCH_FN(sampled_product)); }

}  // namespace anneal::sparse_change
