// CPU entry of hadamard.h: threads, scales, schemas.

#include <ATen/Parallel.h>
#include <ATen/ops/full.h>
#include <torch/library.h>

#include <atomic>
#include <bit>
#include <cmath>
#include <limits>
#include <tuple>
#include <vector>

#include "../float8.h"
#include "../isa.h"
#include "hadamard_arguments.h"

namespace anneal::hadamard {

namespace {

using at::Tensor;

// Memory of a thread, at the beginning of a cache line.
void* buffer_of(int64_t bytes) {
  static thread_local std::vector<char> memory;
  if (static_cast<int64_t>(memory.size()) < bytes + 64) memory.resize(static_cast<size_t>(bytes + 64));
  return reinterpret_cast<void*>((reinterpret_cast<uintptr_t>(memory.data()) + 63) & ~uintptr_t{63});
}

void raise(std::atomic<uint32_t>& most, uint32_t value) {
  uint32_t known = most.load();
  while (known < value && !most.compare_exchange_weak(known, value)) {
  }
}

// The bits of the largest magnitude, for Sink::kLargest.
uint32_t run_rows(const Arguments& a, Sink sink) {
  const Job& job = a.job;
  const Loops& loops = ANNEAL_CHOOSE(loops)(a.element, sink);
  const int64_t bytes = (job.columns + 16) * 8 + job.outer * kVectorBytes;
  std::atomic<uint32_t> most{0};
  at::parallel_for(0, job.out_rows, rows::grain(job.columns), [&](int64_t begin, int64_t end) {
    raise(most, loops.rows(job, begin, end, buffer_of(bytes)));
  });
  return most;
}

uint32_t run_tokens(const Arguments& a, Sink sink) {
  const Job& job = a.job;
  const Loops& loops = ANNEAL_CHOOSE(loops)(a.element, sink);
  const int64_t blocks = whole_blocks(job.out_rows, job.block), width = 64;
  const int64_t strips = (job.columns + width - 1) / width;
  std::atomic<uint32_t> most{0};
  at::parallel_for(0, blocks * strips, rows::grain(job.block * width), [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; ++task) {
      const int64_t from = task % strips * width;
      raise(most, loops.tokens(job, task / strips, from, std::min(job.columns, from + width),
                               buffer_of(job.block * kPitchBytes)));
    }
  });
  return most;
}

Tensor rotate_rows(const Tensor& x, int64_t kind, bool transposed, std::optional<at::ScalarType> dtype) {
  const at::ScalarType type = wanted_type(x, dtype);
  Arguments a = row_arguments(x, kind, transposed);
  give(a, type);
  run_rows(a, sink_of(type));
  return a.out;
}

Tensor rotate_tokens(const Tensor& x, int64_t block, int64_t rows, std::optional<at::ScalarType> dtype) {
  const at::ScalarType type = wanted_type(x, dtype);
  Arguments a = token_arguments(x, block, rows);
  give(a, type);
  run_tokens(a, sink_of(type));
  return a.out;
}

float scale_of(uint32_t largest, Format format) {
  const float most = std::bit_cast<float>(largest);
  if (!std::isfinite(most)) return std::numeric_limits<float>::quiet_NaN();
  return std::max(most, 1e-12f) / (format == kInt8 ? 127.0f : kLargestFloat8);
}

std::tuple<Tensor, Tensor> quantize_rotated(const Tensor& given, int64_t format, int64_t kind, int64_t block) {
  check_format(given, format);
  const at::ScalarType wide = rows::arithmetic_of(given);
  // Both ways at once: the first is kept as it is.
  const bool both = kind != kNone && block > 0;
  const Tensor x = both ? rotate_rows(given, kind, false, wide) : given;
  const int64_t out_rows = block > 0 ? whole_blocks(x.size(0), block) * block : x.size(0);
  Arguments a = block > 0 ? token_arguments(x, block, out_rows) : row_arguments(x, kind, false);
  const auto run = [&](Sink sink) { return block > 0 ? run_tokens(a, sink) : run_rows(a, sink); };
  if (format == kExact) {
    give(a, wide);
    run(sink_of(wide));
    return {a.out, at::full({}, 1.0, given.options().dtype(at::kFloat))};
  }
  const Format f = static_cast<Format>(format);
  const float scale = scale_of(run(Sink::kLargest), f);
  a.job.inverse = 1 / scale;
  give(a, f == kInt8 ? at::kChar : at::kFloat8_e4m3fn);
  run(f == kInt8 ? Sink::kCode8 : Sink::kFloat8);
  return {a.out, at::full({}, scale, given.options().dtype(at::kFloat))};
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(anneal, m) {
  for (const char* schema : kSchemas) m.def(schema);
}
TORCH_LIBRARY_IMPL(anneal, CPU, m) {
  m.impl("rotate_rows", TORCH_FN(rotate_rows));
  m.impl("rotate_tokens", TORCH_FN(rotate_tokens));
  m.impl("quantize_rotated", TORCH_FN(quantize_rotated));
}

}  // namespace anneal::hadamard
