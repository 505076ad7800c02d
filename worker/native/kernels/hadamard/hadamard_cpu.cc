// CPU entry of hadamard.h: threads, scales, schemas.

#include <ATen/ops/full.h>
#include <torch/library.h>

#include <atomic>
#include <bit>
#include <cmath>
#include <limits>
#include <tuple>
#include <vector>

#include "../each.h"
#include "../float8.h"
#include "../isa.h"
#include "hadamard_arguments.h"
#include "rotate.h"

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

int64_t row_bytes(const Job& job) { return (job.columns + 16) * 8 + job.outer * kVectorBytes; }

// Results of so many bytes are not looked for in a cache.
constexpr int64_t kCached = 16 << 20;

Most run_rows(const Arguments& a, Sink sink) {
  const Job& job = a.job;
  const Loops& loops = ANNEAL_CHOOSE(loops)(a.element, sink);
  std::atomic<uint32_t> most{0};
  each(job.out_rows, rows::grain(job.columns), [&](int64_t begin, int64_t end) {
    raise(most, loops.rows(job, begin, end, buffer_of(row_bytes(job))).rotated);
  });
  return {most, 0};
}

using TokenLoop = decltype(Loops::tokens);

Most run_tokens(const Job& job, TokenLoop loop) {
  const int64_t blocks = whole_blocks(job.out_rows, job.block), width = 64;
  const int64_t strips = (job.columns + width - 1) / width;
  std::atomic<uint32_t> most{0}, plain{0};
  each(blocks * strips, rows::grain(job.block * width), [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; ++task) {
      const int64_t from = task % strips * width;
      const Most of_task = loop(job, task / strips, from, std::min(job.columns, from + width), buffer_of(job.block * kStripBytes));
      raise(most, of_task.rotated);
      raise(plain, of_task.plain);
    }
  });
  return {most, plain};
}

Most run_tokens(const Arguments& a, Sink sink) { return run_tokens(a.job, ANNEAL_CHOOSE(loops)(a.element, sink).tokens); }

Tensor rotate_rows(const Tensor& x, int64_t kind, bool transposed, std::optional<at::ScalarType> dtype) {
  const at::ScalarType type = wanted_type(x, dtype);
  Arguments a = row_arguments(x, kind, transposed);
  give(a, type);
  const bool fits = static_cast<int64_t>(a.out.nbytes()) < kCached;
  run_rows(a, fits || type != at::kBFloat16 ? sink_of(type) : Sink::kStreamed);
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

at::ScalarType code_type(Format format) { return format == kInt8 ? at::kChar : at::kFloat8_e4m3fn; }
Sink code_sink(Format format) { return format == kInt8 ? Sink::kCode8 : Sink::kFloat8; }
Tensor scale_like(const Tensor& x, float scale) { return at::full({}, scale, x.options().dtype(at::kFloat)); }

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
    return {a.out, scale_like(given, 1)};
  }
  const auto f = static_cast<Format>(format);
  const float scale = scale_of(run(Sink::kLargest).rotated, f);
  a.job.inverse = 1 / scale;
  give(a, code_type(f));
  run(code_sink(f));
  return {a.out, scale_like(given, scale)};
}

}  // namespace

RowsBack::RowsBack(int64_t columns, int64_t kind, at::ScalarType type)
    : plan_(plan_of(columns, kind)), job_{}, loops_(ANNEAL_CHOOSE(loops)(rows::Element::kFloat32, sink_of(type))) {
  job_.columns = columns;
  job_.outer = plan_->outer;
  job_.inner = plan_->inner;
  job_.factor = plan_->factor;
  job_.mixing = plan_->narrow_turned.empty() ? nullptr : plan_->narrow_turned.data();
}

void RowsBack::operator()(const float* x, int64_t ld, int64_t rows, void* out, int64_t out_ld) const {
  Job job = job_;
  job.in = x;
  job.in_ld = ld;
  job.in_rows = job.out_rows = rows;
  job.out = out;
  job.out_ld = out_ld;
  loops_.rows(job, 0, rows, buffer_of(row_bytes(job)));
}

void rotate_tokens_here(float* x, int64_t ld, int64_t tokens, int64_t columns, int64_t block) {
  Job job{};
  job.in = job.out = x;
  job.in_ld = job.out_ld = ld;
  job.in_rows = job.out_rows = tokens;
  job.columns = columns;
  job.block = block;
  job.factor = 1 / std::sqrt(static_cast<double>(block));
  const Loops& loops = ANNEAL_CHOOSE(loops)(rows::Element::kFloat32, Sink::kFloat32);
  for (int64_t number = 0; number < whole_blocks(tokens, block); ++number)
    loops.tokens(job, number, 0, columns, buffer_of(block * kStripBytes));
}

BothQuantized quantize_both(const Tensor& x, int64_t format, int64_t block) {
  check_format(x, format);
  const auto f = static_cast<Format>(format);
  Arguments a = token_arguments(x, block, whole_blocks(x.size(0), block) * block);
  const auto run = [&](Sink sink) { return run_tokens(a.job, ANNEAL_CHOOSE(loops)(a.element, sink).both); };
  const Most most = run(Sink::kLargest);
  const float rotated = scale_of(most.rotated, f), plain = scale_of(most.plain, f);
  a.job.inverse = 1 / rotated;
  a.job.plain_inverse = 1 / plain;
  give(a, code_type(f));
  const Tensor as_it_is = at::empty(x.sizes(), a.out.options());
  a.job.plain_out = as_it_is.mutable_data_ptr();
  run(code_sink(f));
  return {{as_it_is, scale_like(x, plain)}, {a.out, scale_like(x, rotated)}};
}

TORCH_LIBRARY_FRAGMENT(anneal, m) {
  for (const char* schema : kSchemas) m.def(schema);
}
TORCH_LIBRARY_IMPL(anneal, CPU, m) {
  m.impl("rotate_rows", TORCH_FN(rotate_rows));
  m.impl("rotate_tokens", TORCH_FN(rotate_tokens));
  m.impl("quantize_rotated", TORCH_FN(quantize_rotated));
}

}  // namespace anneal::hadamard
