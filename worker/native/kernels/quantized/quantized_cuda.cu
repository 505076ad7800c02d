// CUDA entries of dequantize_weight, one thread for eight values of a row, and of products with few
// rows, whose codes are decoded in registers.

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/empty.h>
#include <torch/library.h>

#include <optional>
#include <vector>

#include "../device.cuh"
#include "layout.h"

namespace anneal::quantized {

namespace {

using namespace device;

constexpr int kAtOnce = 8; // a group is no shorter, so they share a scale

// Codes of neighbours in one reading: sections of codes begin at multiples of 64 bytes, and rows of
// 4-bit codes, whose columns are whole groups, at multiples of 16.
template <Format F> __device__ Pack<float, kAtOnce> codes_at(const Header& h, int64_t row, int64_t column) {
  const uint8_t* codes = section<uint8_t>(h, h.codes) + row * h.row_bytes;
  Pack<float, kAtOnce> out;
  if constexpr (F == kInt8) {
    const auto some = read_pack<kAtOnce>(codes + column, h.columns - column, h.row_bytes % kAtOnce == 0);
    for (int i = 0; i < kAtOnce; ++i) out.at[i] = static_cast<float>(static_cast<int8_t>(some.at[i]));
  } else if constexpr (F == kInt3 || F == kInt2) {
    constexpr int bits = bits_of(F);
    const uint32_t eight = eight_codes<F>(codes + column / kAtOnce * bits);
    for (int i = 0; i < kAtOnce; ++i) out.at[i] = static_cast<float>(eight >> (i * bits) & ((1 << bits) - 1));
  } else {
    const auto some = read_pack<kAtOnce / 2>(codes + column / 2, (h.columns - column + 1) / 2, h.row_bytes % (kAtOnce / 2) == 0);
    for (int i = 0; i < kAtOnce; ++i) out.at[i] = static_cast<float>(i % 2 ? some.at[i / 2] & 15 : some.at[i / 2] >> 4);
  }
  return out;
}

// What a code of NF4 stands for, from a table in shared memory: its 16 values lie in 16 banks.
__device__ inline void fill(float* table) {
  if (threadIdx.x < 16) table[threadIdx.x] = nf4_value(static_cast<int>(threadIdx.x));
  __syncthreads();
}

// The values that eight codes stand for, rounded to T.
template <Format F, class T>
__device__ Pack<float, kAtOnce> values_at(const Header& h, const float* table, int64_t row, int64_t column) {
  const int64_t group = group_of(h, row, column);
  const float scale = scale_of<F>(h, group);
  const float zero = has_zeros(F) ? static_cast<float>(section<uint8_t>(h, h.zeros)[group]) : 0;
  Pack<float, kAtOnce> values = codes_at<F>(h, row, column);
  for (int i = 0; i < kAtOnce; ++i) {
    const bool is_nf4 = F == kNF4 || F == kNF4Double;
    const float value = is_nf4 ? table[static_cast<int>(values.at[i])] : values.at[i] - zero;
    values.at[i] = rounded<T>(product(value, scale));
  }
  return values;
}

template <Format F, class T>
__global__ void dequantize_kernel(const uint8_t* bytes, T* out, int64_t first, int64_t count, bool aligned) {
  __shared__ float table[16];
  fill(table);
  const Header& h = header_at(bytes);
  const int64_t columns = h.columns, pieces = (columns + kAtOnce - 1) / kAtOnce;
  for (int64_t at = first_index(); at < count * pieces; at += index_stride()) {
    const int64_t row = at / pieces, column = at % pieces * kAtOnce;
    const auto wide = values_at<F, T>(h, table, first + row, column);
    Pack<T, kAtOnce> values;
    for (int i = 0; i < kAtOnce; ++i) store(values.at[i], wide.at[i]);
    write_pack(out + row * columns + column, values, columns - column, aligned);
  }
}

// body(FormatOf<F>) for the format of a weight.
template <Format F> struct FormatOf {
  static constexpr Format value = F;
};
template <class Body> void with_format(Format format, Body body) {
  switch (format) {
  case kNF4:
    return body(FormatOf<kNF4>{});
  case kNF4Double:
    return body(FormatOf<kNF4Double>{});
  case kInt8:
    return body(FormatOf<kInt8>{});
  case kInt3:
    return body(FormatOf<kInt3>{});
  case kInt2:
    return body(FormatOf<kInt2>{});
  default:
    return body(FormatOf<kInt4>{});
  }
}

template <Format F> void launch(const at::Tensor& weight, const at::Tensor& out, int64_t first) {
  const int64_t count = out.size(0), pieces = (out.size(1) + kAtOnce - 1) / kAtOnce;
  with_element(rows::element_of(out, "dtype"), [&](auto element) {
    using T = typename decltype(element)::Type;
    dequantize_kernel<F, T><<<blocks_for(count * pieces, kThreads), kThreads, 0,
                              c10::cuda::getCurrentCUDAStream()>>>(
        weight.const_data_ptr<uint8_t>(), static_cast<T*>(out.mutable_data_ptr()), first, count,
        out.size(1) % kAtOnce == 0 && are_aligned({out.mutable_data_ptr()}));
  });
  C10_CUDA_KERNEL_LAUNCH_CHECK();
}

// A warp computes some outputs, so that what it reads of x serves all of them: lanes take eight
// columns in turn, and add up what they have at the end, always in the same order.
constexpr int kOutputs = 4;

// out [rows, outputs] = x [rows, columns] W^T, at most kRows rows.
template <Format F, class T, int kRows>
__global__ void few_rows_kernel(const T* x, const uint8_t* bytes, T* out, int rows, bool aligned) {
  __shared__ float table[16];
  fill(table);
  const Header& h = header_at(bytes);
  const int64_t columns = h.columns;
  const int64_t warp = first_index() / kWarp, warps = index_stride() / kWarp;
  const int lane = static_cast<int>(threadIdx.x % kWarp);
  for (int64_t first = warp * kOutputs; first < h.rows; first += warps * kOutputs) {
    float sums[kOutputs][kRows] = {};
    for (int64_t column = lane * kAtOnce; column < columns; column += kWarp * kAtOnce) {
      const int64_t left = columns - column;
      Pack<T, kAtOnce> inputs[kRows];
      for (int r = 0; r < kRows; ++r)
        if (r < rows) inputs[r] = read_pack<kAtOnce>(x + r * columns + column, left, aligned);
      for (int o = 0; o < kOutputs; ++o) {
        if (first + o >= h.rows) continue;
        const auto values = values_at<F, T>(h, table, first + o, column);
        for (int r = 0; r < kRows; ++r)
          if (r < rows) // what lies behind the last column reads as zero
            for (int i = 0; i < kAtOnce; ++i) sums[o][r] += values.at[i] * load(inputs[r].at[i]);
      }
    }
    for (int o = 0; o < kOutputs; ++o)
      for (int r = 0; r < kRows; ++r) {
        const float sum = warp_sum(sums[o][r]);
        if (lane == 0 && r < rows && first + o < h.rows) store(out[r * h.rows + first + o], sum);
      }
  }
}

template <Format F, class T>
void launch_few_rows(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& out) {
  const int rows = static_cast<int>(x.size(0));
  const bool aligned = x.size(1) % kAtOnce == 0 && are_aligned({x.const_data_ptr()});
  const unsigned blocks = blocks_for(out.size(1), kOutputs * (kThreads / kWarp));
  const auto stream = c10::cuda::getCurrentCUDAStream();
  const T* from = static_cast<const T*>(x.const_data_ptr());
  const uint8_t* bytes = weight.const_data_ptr<uint8_t>();
  T* to = static_cast<T*>(out.mutable_data_ptr());
  if (rows == 1)
    few_rows_kernel<F, T, 1><<<blocks, kThreads, 0, stream>>>(from, bytes, to, rows, aligned);
  else
    few_rows_kernel<F, T, kFewRows><<<blocks, kThreads, 0, stream>>>(from, bytes, to, rows, aligned);
  C10_CUDA_KERNEL_LAUNCH_CHECK();
}

struct Stored {
  Format format;
  int64_t rows, columns;
};

// From the host's copy of the header, which belongs to another library.
Stored stored_in(const at::Tensor& weight) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("anneal::_quantized_shape", "")
                             .typed<std::vector<int64_t>(const at::Tensor&)>();
  const auto shape = op.call(weight);
  return {static_cast<Format>(shape[0]), shape[1], shape[2]};
}

at::Tensor dequantize_cuda(const at::Tensor& weight, at::ScalarType dtype, int64_t first,
                           std::optional<int64_t> wanted) {
  const bool ours = dtype == at::kDouble || dtype == at::kFloat || dtype == at::kBFloat16;
  if (!ours) return dequantize_cuda(weight, at::kFloat, first, wanted).to(dtype);
  const c10::cuda::CUDAGuard guard(weight.device());
  const Stored h = stored_in(weight);
  const int64_t count = wanted.value_or(h.rows - first);
  TORCH_CHECK(first >= 0 && count >= 0 && first + count <= h.rows, "rows ", first, " to ",
              first + count, " were asked for; the weight has ", h.rows);
  const at::Tensor out = at::empty({count, h.columns}, weight.options().dtype(dtype));
  if (out.numel() == 0) return out;
  with_format(h.format, [&](auto format) { launch<decltype(format)::value>(weight, out, first); });
  return out;
}

at::Tensor few_rows_cuda(const at::Tensor& given, const at::Tensor& weight) {
  const c10::cuda::CUDAGuard guard(weight.device());
  const Stored h = stored_in(weight);
  const at::Tensor x = given.contiguous();
  const int64_t rows = x.size(0);
  TORCH_CHECK(rows <= kFewRows && x.size(1) == h.columns, "x has the shape ", x.sizes(), "; it must be [up to ", kFewRows,
              ", ", h.columns, "]");
  const at::Tensor out = at::empty({rows, h.rows}, x.options());
  if (out.numel() == 0) return out;
  const bool is_float = x.scalar_type() == at::kFloat;
  TORCH_CHECK(is_float || x.scalar_type() == at::kBFloat16, "x is ", x.scalar_type(), "; it must be float32 or bfloat16");
  with_format(h.format, [&](auto format) {
    constexpr Format F = decltype(format)::value;
    if (is_float)
      launch_few_rows<F, float>(x, weight, out);
    else
      launch_few_rows<F, Bf16>(x, weight, out);
  });
  return out;
}

} // namespace

TORCH_LIBRARY_IMPL(anneal, CUDA, m) {
  m.impl("dequantize_weight", TORCH_FN(dequantize_cuda));
  m.impl("_quantized_few_rows", TORCH_FN(few_rows_cuda));
}

} // namespace anneal::quantized
