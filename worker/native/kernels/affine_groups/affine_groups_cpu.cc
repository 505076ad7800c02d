// Schemas and CPU entries of affine_groups.h.

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <torch/library.h>

#include <algorithm>

#include "../gemm/gemm.h"
#include "../gemm/matrix.h"
#include "../isa.h"
#include "affine_groups_arguments.h"

namespace anneal::affine_groups {

namespace {

using at::Tensor;

// Groups that are worth a thread of their own: some ten microseconds.
int64_t grain(int size) { return std::max<int64_t>(1, (1 << 14) / size); }

Tensor& code_cpu(Tensor& codes, Tensor& scales, Tensor& zeros, const Tensor& x, int64_t bits, std::optional<int64_t> key) {
  const Coding to = check_code(codes, scales, zeros, x, bits, key);
  const float* const from = x.const_data_ptr<float>();
  Code* const code = ANNEAL_CHOOSE(code);
  at::parallel_for(0, scales.numel(), grain(to.size),
                   [&](int64_t begin, int64_t end) { code(from + begin * to.size, to, begin, end - begin); });
  return codes;
}

Tensor decode_cpu(const Tensor& codes, const Tensor& scales, const Tensor& zeros, int64_t columns, bool in_halves,
                  at::ScalarType dtype) {
  const Coded from = check_decode(codes, scales, zeros, columns, in_halves, dtype);
  const Tensor x = at::empty({scales.size(0), columns}, scales.options().dtype(dtype));
  void* const to = x.mutable_data_ptr();
  Decode* const decode = ANNEAL_CHOOSE(decode);
  DecodeBfloat16* const decode_bfloat16 = ANNEAL_CHOOSE(decode_bfloat16);
  at::parallel_for(0, scales.numel(), grain(from.size), [&](int64_t begin, int64_t end) {
    if (dtype == at::kFloat)
      decode(from, static_cast<float*>(to) + begin * from.size, begin, end - begin);
    else
      decode_bfloat16(from, static_cast<uint16_t*>(to) + begin * from.size, begin, end - begin);
  });
  return x;
}

// Rows of the product are in a cache when what they are added to is read and coded again: no matrix
// is written but codes.
Tensor& add_product_cpu(Tensor& codes, Tensor& scales, Tensor& zeros, const Tensor& left, const Tensor& right, double alpha, double kept,
                        int64_t key) {
  const Coded from = check_add(codes, scales, zeros, left, right);
  const Coding to{from.size, 255, true, static_cast<uint64_t>(key), codes.mutable_data_ptr<uint8_t>(), scales.mutable_data_ptr<float>(),
                  zeros.mutable_data_ptr<uint8_t>()};
  const int64_t groups = scales.size(1);
  Code* const code = ANNEAL_CHOOSE(code);
  Add* const add = ANNEAL_CHOOSE(add);
  const Tensor l = gemm::dense(left), r = gemm::dense(right);
  gemm::multiply_rows(gemm::matrix_of(l), gemm::matrix_of(r), static_cast<float>(alpha), [&](const gemm::Piece& piece) {
    for (int64_t row = 0; row < piece.rows; ++row) {
      float* const x = piece.data + row * piece.ld;
      const int64_t first = (piece.row + row) * groups;
      add(from, static_cast<float>(kept), x, first, groups);
      code(x, to, first, groups);
    }
  });
  return codes;
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(anneal, m) {
  m.def(kCodeSchema);
  m.def(kDecodeSchema);
  m.def(kAddSchema);
}

TORCH_LIBRARY_IMPL(anneal, CPU, m) {
  m.impl("affine_code_", TORCH_FN(code_cpu));
  m.impl("affine_decode", TORCH_FN(decode_cpu));
  m.impl("affine_add_product_", TORCH_FN(add_product_cpu));
}

}  // namespace anneal::affine_groups
