// products.h by gemm.h, and by libtorch where that does not apply.

#include "products.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>

#include <algorithm>
#include <optional>

#include "../gemm/matrix.h"
#include "../hadamard/rotate.h"

namespace anneal::halo {

namespace {

using at::Tensor;

gemm::Matrix matrix_of(const Codes& c) {
  const gemm::Matrix m = gemm::matrix_of(c.values);
  return c.turned ? gemm::turned(m) : m;
}

Tensor as_read(const Codes& c) { return c.turned ? c.values.t() : c.values; }

float scale_of(const Codes& a, const Codes& b) { return *a.scale.const_data_ptr<float>() * *b.scale.const_data_ptr<float>(); }

// Whether gemm.h has the product of what is stored so.
bool ours(const Codes& c) { return c.values.is_cpu() && c.values.scalar_type() != at::kDouble; }

bool are_codes(const Tensor& values) {
  return values.scalar_type() == at::kChar || values.scalar_type() == at::kFloat8_e4m3fn;
}

Tensor plain_product(const Codes& a, const Codes& b) {
  if (a.values.is_cuda() && are_codes(a.values) && are_codes(b.values)) {
    static const auto op = c10::Dispatcher::singleton()
                               .findSchemaOrThrow("anneal::_product_of_codes", "")
                               .typed<Tensor(const Tensor&, const Tensor&, const Tensor&, const Tensor&)>();
    return op.call(as_read(a), as_read(b), a.scale, b.scale);
  }
  const auto type = a.values.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  return at::mm(as_read(a).to(type), as_read(b).to(type)).mul_(a.scale).mul_(b.scale);
}

Tensor room(int64_t rows, int64_t columns, const Tensor& like, at::ScalarType type) {
  return at::empty({rows, columns}, like.options().dtype(type));
}

Tensor rotate_tokens_back(const Tensor& x, int64_t block, int64_t rows) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("anneal::rotate_tokens", "")
                             .typed<Tensor(const Tensor&, int64_t, int64_t, std::optional<at::ScalarType>)>();
  return op.call(x, block, rows, std::nullopt);
}

gemm::Output rows_of(const Tensor& y, int64_t row, const Tensor& bias) {
  gemm::Output out = gemm::into(y);
  out.data = gemm::at_row(out.data, row, out.ld, out.storage);
  if (bias.defined()) gemm::add_bias(out, bias);
  return out;
}

// B of whole blocks of the sum.
Tensor summed(const std::vector<Codes>& errors, const std::vector<Codes>& weights, int64_t block, at::ScalarType type) {
  const Tensor& first = errors[0].values;
  const int64_t rows = first.size(0), inputs = weights[0].values.size(1);
  std::vector<gemm::PackedRows> packed;
  std::vector<gemm::Term> terms;
  packed.reserve(errors.size());
  for (size_t i = 0; i < errors.size(); ++i) {
    packed.emplace_back(matrix_of(errors[i]), 0, rows);
    terms.push_back({&packed.back(), matrix_of(weights[i]), scale_of(errors[i], weights[i])});
  }
  const Tensor sum = room(rows, inputs, first, type);
  if (block == 0) {
    gemm::multiply(terms, inputs, gemm::into(sum));
    return sum;
  }
  const auto rotate = [block](const gemm::Piece& piece) {
    hadamard::rotate_tokens_here(piece.data, piece.ld, piece.rows, piece.columns, block);
  };
  gemm::multiply(terms, inputs, gemm::into(sum), rotate, block);
  return sum;
}

}  // namespace

Tensor rotate_rows_back(const Tensor& x, int64_t kind, at::ScalarType type) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("anneal::rotate_rows", "")
                             .typed<Tensor(const Tensor&, int64_t, bool, std::optional<at::ScalarType>)>();
  return op.call(x, kind, true, type);
}

void outputs(const Codes& x, const std::vector<Codes>& weights, const std::vector<Tensor>& biases,
             const std::vector<Tensor>& ys) {
  std::vector<Tensor> kept;
  for (const Tensor& bias : biases) kept.push_back(bias.defined() ? bias.contiguous() : bias);
  if (!ours(x)) {
    for (size_t i = 0; i < ys.size(); ++i) {
      Tensor y = plain_product(x, turned(weights[i]));
      if (kept[i].defined()) y.add_(kept[i]);
      ys[i].copy_(y);
    }
    return;
  }
  const gemm::Matrix rows = matrix_of(x);
  if (rows.rows <= gemm::kFewRows) {
    for (size_t i = 0; i < ys.size(); ++i) {
      gemm::Output out = rows_of(ys[i], 0, kept[i]);
      out.alpha = scale_of(x, weights[i]);
      gemm::product(rows, matrix_of(turned(weights[i])), out);
    }
    return;
  }
  const int64_t block = gemm::row_block(rows.rows, rows.columns, gemm::table_for(rows.storage));
  for (int64_t row = 0; row < rows.rows; row += block) {
    const gemm::PackedRows packed(rows, row, std::min(block, rows.rows - row));
    for (size_t i = 0; i < ys.size(); ++i) {
      gemm::Output out = rows_of(ys[i], row, kept[i]);
      out.alpha = scale_of(x, weights[i]);
      gemm::multiply({{&packed, matrix_of(turned(weights[i]))}}, ys[i].size(1), out);
    }
  }
}

Tensor input_gradient(const std::vector<Codes>& errors, const std::vector<Codes>& weights, int64_t tokens, int64_t block,
                      int64_t kind, at::ScalarType type, at::ScalarType wide) {
  Tensor sum;
  if (ours(errors[0])) {
    sum = summed(errors, weights, block, block > 0 || kind != hadamard::kNone ? wide : type).narrow(0, 0, tokens);
  } else {
    for (size_t i = 0; i < errors.size(); ++i) {
      const Tensor one = plain_product(errors[i], weights[i]);
      sum = sum.defined() ? sum.add_(one) : one;
    }
    if (block > 0) sum = rotate_tokens_back(sum, block, tokens);
  }
  return kind == hadamard::kNone ? sum.to(type) : rotate_rows_back(sum, kind, type);
}

Tensor weight_gradient(const Codes& error, const Codes& x, int64_t kind, at::ScalarType type) {
  if (!ours(error)) {
    const Tensor g = plain_product(turned(error), x);
    return kind == hadamard::kNone ? g.to(type) : rotate_rows_back(g, kind, type);
  }
  const gemm::Matrix left = matrix_of(turned(error)), right = matrix_of(x);
  const Tensor g = room(left.rows, right.columns, x.scale, type);
  gemm::Output out = gemm::into(g);
  if (kind == hadamard::kNone) {
    out.alpha = scale_of(error, x);
    gemm::product(left, right, out);
    return g;
  }
  const hadamard::RowsBack back(right.columns, kind, type);
  gemm::multiply_rows(left, right, scale_of(error, x), [&](const gemm::Piece& piece) {
    back(piece.data, piece.ld, piece.rows, gemm::at_row(out.data, piece.row, out.ld, out.storage), out.ld);
  });
  return g;
}

}  // namespace anneal::halo
