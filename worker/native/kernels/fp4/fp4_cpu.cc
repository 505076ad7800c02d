// Schemas and CPU entries of fp4.h.

#include <ATen/Parallel.h>
#include <ATen/ops/full.h>
#include <torch/library.h>

#include <algorithm>
#include <atomic>

#include "../isa.h"
#include "fp4_arguments.h"
#include "scales.h"

namespace anneal::fp4 {

namespace {

using at::Tensor;

constexpr int64_t kTogether = 16;  // tasks: some ten microseconds

uint32_t largest_of(const Job& job, const Loops& loops) {
  std::atomic<uint32_t> most{0};
  at::parallel_for(0, tasks_of(job), kTogether, [&](int64_t begin, int64_t end) {
    const uint32_t own = loops.largest(job, begin, end);
    uint32_t known = most.load();
    while (own > known && !most.compare_exchange_weak(known, own)) {
    }
  });
  return most.load();
}

Quantized quantize(const Tensor& x, int64_t format, bool columns, bool square, std::optional<int64_t> signs,
                   std::optional<int64_t> key, int64_t site) {
  if (x.scalar_type() == at::kDouble) return exact(x, format, columns, square, signs);
  Arguments a = arguments(x, format, columns, square, signs, key, site);
  const Loops& loops = ANNEAL_CHOOSE(loops);
  if (format == kNVFP4) a.job.global = global_of(largest_of(a.job, loops));
  at::parallel_for(0, tasks_of(a.job), kTogether,
                   [&](int64_t begin, int64_t end) { loops.encode(a.job, begin, end); });
  return {a.codes, a.scales, at::full({}, 1 / a.job.global, x.options().dtype(at::kFloat))};
}

Tensor dequantize(const Tensor& codes, const Tensor& scales, at::ScalarType dtype) {
  if (codes.scalar_type() == at::kDouble) return codes;
  const Coded from = coded(codes, scales, dtype);
  const Tensor values = at::empty({codes.size(0), 2 * codes.size(1)}, codes.options().dtype(dtype));
  const Loops& loops = ANNEAL_CHOOSE(loops);
  at::parallel_for(0, codes.size(0), 1 + (1 << 14) / (codes.size(1) + 1), [&](int64_t begin, int64_t end) {
    if (dtype == at::kFloat)
      loops.to_float32(from, values.mutable_data_ptr<float>(), begin, end);
    else
      loops.to_bfloat16(from, static_cast<uint16_t*>(values.mutable_data_ptr()), begin, end);
  });
  return values;
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(anneal, m) {
  for (const char* schema : kSchemas) m.def(schema);
}
TORCH_LIBRARY_IMPL(anneal, CPU, m) {
  m.impl("quantize_fp4", TORCH_FN(quantize));
  m.impl("dequantize_fp4", TORCH_FN(dequantize));
}

}  // namespace anneal::fp4
