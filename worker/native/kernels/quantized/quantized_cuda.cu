// CUDA entry of dequantize_weight: one thread for eight values of a row.

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

template <Format F, class T>
__global__ void dequantize_kernel(const uint8_t* bytes, T* out, int64_t first, int64_t count, bool aligned) {
  __shared__ float table[16];
  fill(table);
  const Header& h = header_at(bytes);
  const int64_t columns = h.columns, pieces = (columns + kAtOnce - 1) / kAtOnce;
  for (int64_t at = first_index(); at < count * pieces; at += index_stride()) {
    const int64_t row = at / pieces, column = at % pieces * kAtOnce;
    const int64_t group = group_of(h, first + row, column);
    const float scale = scale_of<F>(h, group);
    const float zero = has_zeros(F) ? static_cast<float>(section<uint8_t>(h, h.zeros)[group]) : 0;
    const auto codes = codes_at<F>(h, first + row, column);
    Pack<T, kAtOnce> values;
    for (int i = 0; i < kAtOnce; ++i) {
      const bool is_nf4 = F == kNF4 || F == kNF4Double;
      const float value = is_nf4 ? table[static_cast<int>(codes.at[i])] : codes.at[i] - zero;
      store(values.at[i], value * scale);
    }
    write_pack(out + row * columns + column, values, columns - column, aligned);
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
  switch (h.format) {
  case kNF4:
    launch<kNF4>(weight, out, first);
    break;
  case kNF4Double:
    launch<kNF4Double>(weight, out, first);
    break;
  case kInt8:
    launch<kInt8>(weight, out, first);
    break;
  case kInt3:
    launch<kInt3>(weight, out, first);
    break;
  case kInt2:
    launch<kInt2>(weight, out, first);
    break;
  default:
    launch<kInt4>(weight, out, first);
  }
  return out;
}

} // namespace

TORCH_LIBRARY_IMPL(anneal, CUDA, m) { m.impl("dequantize_weight", TORCH_FN(dequantize_cuda)); }

} // namespace anneal::quantized
