// _product_of_codes of halo.h on CUDA: by tensor cores of 8 bits where shape and GPU allow them
// (eight_bits.h), else of codes widened to float32. Not run on a GPU yet.

#include <ATen/ops/_int_mm.h>
#include <ATen/ops/_scaled_mm.h>
#include <ATen/ops/mm.h>
#include <torch/library.h>

#include "../device.cuh"
#include "eight_bits.h"

namespace anneal::halo {

namespace {

using at::Tensor;

// What tensor cores of 8 bits read: a row after row, b column after column. A transposed copy has a
// byte a value.
Tensor by_rows(const Tensor& a) { return a.is_contiguous() ? a : a.contiguous(); }
Tensor by_columns(const Tensor& b) { return by_rows(b.t()).t(); }

Tensor product_of_codes(const Tensor& a, const Tensor& b, const Tensor& a_scale, const Tensor& b_scale) {
  TORCH_CHECK(a.dim() == 2 && b.dim() == 2 && a.size(1) == b.size(0) && a.scalar_type() == b.scalar_type(),
              "a is ", a.scalar_type(), " ", a.sizes(), " and b ", b.scalar_type(), " ", b.sizes(),
              "; they must be matrices of one type whose product exists");
  const c10::cuda::CUDAGuard guard(a.device());
  const Codes8 codes = a.scalar_type() == at::kChar ? Codes8::kInt8 : Codes8::kFloat8;
  switch (way_of(codes, {a.size(0), a.size(1), b.size(1)}, device::capability())) {
  case Way::kInt8:
    return at::_int_mm(by_rows(a), by_columns(b)).to(at::kFloat).mul_(a_scale).mul_(b_scale);
  case Way::kFloat8:
    return at::_scaled_mm(by_rows(a), by_columns(b), a_scale, b_scale, std::nullopt, std::nullopt, at::kFloat,
                          /*use_fast_accum=*/false);
  default:
    return at::mm(a.to(at::kFloat), b.to(at::kFloat)).mul_(a_scale).mul_(b_scale);
  }
}

} // namespace

TORCH_LIBRARY_IMPL(anneal, CUDA, m) { m.impl("_product_of_codes", TORCH_FN(product_of_codes)); }

} // namespace anneal::halo
