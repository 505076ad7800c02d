// Arguments of fp4.h, checked, with the memory of the results, for CPU and CUDA; and what becomes
// of float64, which is not quantized.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>

#include <optional>
#include <tuple>
#include <vector>

#include "../hadamard/hadamard.h"
#include "fp4.h"

namespace anneal::fp4 {

// What `job` points into; `x` is read.
struct Arguments {
  at::Tensor x, codes, scales;
  Job job;
};

using Quantized = std::tuple<at::Tensor, at::Tensor, at::Tensor>;

inline int64_t pieces(int64_t count, int64_t size) { return (count + size - 1) / size; }

inline void check_quantize(const at::Tensor& x, int64_t format, bool square, std::optional<int64_t> signs) {
  TORCH_CHECK(x.dim() == 2, "x has the shape ", x.sizes(), "; it must be [rows, columns]");
  TORCH_CHECK(format == kNVFP4 || format == kMXFP4, "format is ", format, "; it must be 1 (NVFP4) or 2 (MXFP4)");
  TORCH_CHECK(!square || format == kNVFP4, "square scales are those of NVFP4; MXFP4 has one for 32 values of a row");
  TORCH_CHECK(!square || !signs, "values of square groups are not rotated: signs must be absent");
}

inline Arguments arguments(const at::Tensor& given, int64_t format, bool columns, bool square, std::optional<int64_t> signs,
                           std::optional<int64_t> key, int64_t site) {
  check_quantize(given, format, square, signs);
  const at::ScalarType type = given.scalar_type();
  TORCH_CHECK(type == at::kFloat || type == at::kBFloat16, "x has the dtype ", type, "; it must be float32 or bfloat16");
  TORCH_CHECK(site >= 0 && site <= 0xffffffff, "site is ", site, "; it must be 0 to 2^32 - 1");
  const bool turned = given.stride(1) != 1 && given.stride(0) == 1;
  const at::Tensor x = turned || given.stride(1) == 1 ? given : given.contiguous();
  Job job{};
  job.x = x.const_data_ptr();
  job.ld = turned ? x.stride(1) : x.stride(0);
  job.is_bfloat16 = type == at::kBFloat16;
  job.columns = columns != turned;
  job.square = square;
  job.rotates = signs.has_value();
  job.stochastic = key.has_value();
  job.format = format;
  job.size = size_of_group(format);
  job.rows = x.size(columns ? 1 : 0);
  job.depth = x.size(columns ? 0 : 1);
  job.groups = pieces(job.depth, job.size);
  job.signs = static_cast<uint32_t>(signs.value_or(0));
  job.key = static_cast<uint64_t>(key.value_or(0));
  job.site = static_cast<uint32_t>(site);
  job.global = 1;
  const auto bytes = x.options().dtype(at::kByte);
  const int64_t lines = square ? pieces(job.rows, kSquare) : job.rows;
  const at::Tensor codes = at::empty({job.rows, job.groups * job.size / 2}, bytes);
  const at::Tensor scales = at::empty({lines, job.groups}, format == kNVFP4 ? bytes.dtype(at::kFloat8_e4m3fn) : bytes);
  job.codes = codes.mutable_data_ptr<uint8_t>();
  job.scales = static_cast<uint8_t*>(scales.mutable_data_ptr());
  return {x, codes, scales, job};
}

inline int64_t tasks_of(const Job& job) { return pieces(job.rows, kTile) * job.groups; }

inline Coded coded(const at::Tensor& codes, const at::Tensor& scales, at::ScalarType dtype) {
  TORCH_CHECK(dtype == at::kFloat || dtype == at::kBFloat16, "dtype is ", dtype, "; it must be float32 or bfloat16");
  TORCH_CHECK(codes.scalar_type() == at::kByte && codes.dim() == 2 && codes.is_contiguous(), "codes is ",
              codes.scalar_type(), " ", codes.sizes(), "; it must be contiguous uint8 [rows, bytes]");
  const bool is_nvfp4 = scales.scalar_type() == at::kFloat8_e4m3fn;
  TORCH_CHECK((is_nvfp4 || scales.scalar_type() == at::kByte) && scales.dim() == 2 && scales.is_contiguous(), "scales is ",
              scales.scalar_type(), " ", scales.sizes(), "; it must be contiguous e4m3 or uint8 [rows, groups]");
  const int64_t format = is_nvfp4 ? kNVFP4 : kMXFP4, rows = codes.size(0), lines = scales.size(0);
  const int size = size_of_group(format);
  const bool square = lines != rows;
  TORCH_CHECK(codes.size(1) == scales.size(1) * size / 2 && (!square || (is_nvfp4 && lines == pieces(rows, kSquare))),
              "codes has the shape ", codes.sizes(), " and scales ", scales.sizes(), "; a scale is for ", size,
              " values of a row, or of 16 rows");
  return {codes.const_data_ptr<uint8_t>(), static_cast<const uint8_t*>(scales.const_data_ptr()), format, size, square,
          scales.size(1)};
}

// Of float64: its values, continued by zeros and rotated.
inline Quantized exact(const at::Tensor& given, int64_t format, bool columns, bool square, std::optional<int64_t> signs) {
  check_quantize(given, format, square, signs);
  const int64_t size = size_of_group(format);
  at::Tensor x = columns ? given.t() : given;
  x = at::constant_pad_nd(x, {0, pieces(x.size(1), size) * size - x.size(1)}).contiguous();
  if (signs && x.numel() > 0) {
    std::vector<double> factors;
    for (int64_t i = 0; i < size; ++i) factors.push_back(*signs >> i & 1 ? -1.0 : 1.0);
    static const auto rotate = c10::Dispatcher::singleton()
                                   .findSchemaOrThrow("anneal::rotate_rows", "")
                                   .typed<at::Tensor(const at::Tensor&, int64_t, bool, std::optional<at::ScalarType>)>();
    const at::Tensor groups = x.view({-1, size}).mul(at::tensor(factors, x.options()));
    x = rotate.call(groups, hadamard::kBlock, false, std::nullopt).view(x.sizes());
  }
  return {x, at::empty({0}, x.options()), at::ones({}, x.options().dtype(at::kFloat))};
}

}  // namespace anneal::fp4
