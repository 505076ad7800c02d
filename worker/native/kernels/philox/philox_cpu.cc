// Schemas and CPU entries of philox.h: each fills a contiguous tensor in place.

#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <torch/library.h>

#include <algorithm>

#include "philox.h"

namespace anneal::philox {

namespace {

constexpr int64_t kGrain = 1 << 10; // blocks

template <class Values> at::Tensor& fill_cpu(at::Tensor& self, const Values& block_values) {
  constexpr int64_t kElements = Values::kElements;
  TORCH_CHECK(self.is_contiguous(), "self is not contiguous");
  const int64_t count = self.numel();
  AT_DISPATCH_FLOATING_TYPES_AND2(at::kBFloat16, at::kHalf, self.scalar_type(), "philox", [&] {
    auto* data = self.mutable_data_ptr<scalar_t>();
    const int64_t blocks = (count + kElements - 1) / kElements;
    at::parallel_for(0, blocks, kGrain, [&](int64_t begin, int64_t end) {
      for (int64_t b = begin; b < end; ++b) {
        double values[kElements];
        block_values(static_cast<uint64_t>(b), values);
        const int64_t last = std::min((b + 1) * kElements, count);
        for (int64_t i = b * kElements; i < last; ++i) {
          data[i] = static_cast<scalar_t>(values[i - b * kElements]);
        }
      }
    });
  });
  return self;
}

at::Tensor& philox_uniform_(at::Tensor& self, int64_t key, double low, double high) {
  return fill_cpu(self, UniformValues{static_cast<uint64_t>(key), low, high});
}

at::Tensor& philox_mask_(at::Tensor& self, int64_t key, double keep) {
  TORCH_CHECK(keep > 0 && keep <= 1, "keep is ", keep, "; it must be above 0 and at most 1");
  return fill_cpu(self, MaskValues{static_cast<uint64_t>(key), keep, 1 / keep});
}

at::Tensor& philox_normal_(at::Tensor& self, int64_t key, double mean, double std) {
  return fill_cpu(self, NormalValues{static_cast<uint64_t>(key), mean, std});
}

} // namespace

TORCH_LIBRARY_FRAGMENT(anneal, m) {
  m.def("philox_uniform_(Tensor(a!) self, int key, float low=0.0, float high=1.0) -> Tensor(a!)");
  m.def("philox_mask_(Tensor(a!) self, int key, float keep) -> Tensor(a!)");
  m.def("philox_normal_(Tensor(a!) self, int key, float mean=0.0, float std=1.0) -> Tensor(a!)");
}

TORCH_LIBRARY_IMPL(anneal, CPU, m) {
  m.impl("philox_uniform_", TORCH_FN(philox_uniform_));
  m.impl("philox_mask_", TORCH_FN(philox_mask_));
  m.impl("philox_normal_", TORCH_FN(philox_normal_));
}

} // namespace anneal::philox
