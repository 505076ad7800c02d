// From codes and scales to dense rows, and products that are made of such rows.

#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/zeros.h>
#include <torch/library.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <type_traits>
#include <vector>

#include "../gemm/gemm.h"
#include "../gemm/matrix.h"
#include "quantized.h"

namespace anneal::quantized {

namespace {

using at::Tensor;

constexpr int64_t kPanelValues = 1 << 22;  // that products of libtorch read at a time

void check_rows(const Header& h, int64_t first, int64_t count) {
  TORCH_CHECK(first >= 0 && count >= 0 && first + count <= h.rows, "rows ", first, " to ", first + count,
              " were asked for; the weight has ", h.rows);
}

template <class Value>
void write_rows(const gemm::Matrix& matrix, int64_t first, int64_t count, Value* to) {
  const auto widen = gemm::table().widen[static_cast<int>(matrix.storage)];
  const gemm::Stored stored{matrix.data, matrix.ld};
  const int64_t columns = matrix.columns;
  if constexpr (std::is_same_v<Value, float>) {
    widen(stored, first, count, columns, to);
  } else {
    std::vector<float> room(static_cast<size_t>(columns));
    for (int64_t row = first; row < first + count; ++row, to += columns) {
      widen(stored, row, 1, columns, room.data());
      std::transform(room.begin(), room.end(), to, [](float value) { return static_cast<Value>(value); });
    }
  }
}

Tensor dequantize(const Tensor& weight, at::ScalarType dtype, int64_t first, std::optional<int64_t> wanted) {
  const Header h = header_of(weight);
  const int64_t count = wanted.value_or(h.rows - first), columns = h.columns;
  check_rows(h, first, count);
  const gemm::Matrix matrix = gemm::weight_of(weight, at::kFloat);
  const Tensor out = at::empty({count, columns}, weight.options().dtype(dtype));
  const int64_t grain = std::max<int64_t>(1, (1 << 15) / std::max<int64_t>(1, columns));
  AT_DISPATCH_FLOATING_TYPES_AND2(at::kBFloat16, at::kHalf, dtype, "dequantize_weight", [&] {
    scalar_t* to = out.mutable_data_ptr<scalar_t>();
    at::parallel_for(0, count, grain, [&](int64_t begin, int64_t end) {
      write_rows(matrix, first + begin, end - begin, to + begin * columns);
    });
  });
  return out;
}

Tensor copied(const Tensor& weight, int64_t offset, at::ScalarType dtype, std::vector<int64_t> shape) {
  const Tensor out = at::empty(shape, weight.options().dtype(dtype));
  out.view({-1}).copy_(weight.narrow(0, offset, static_cast<int64_t>(out.nbytes())).view(dtype));
  return out;
}

std::vector<Tensor> parts(const Tensor& weight) {
  const Header h = header_of(weight);
  const int64_t groups = h.rows * h.row_groups;
  const auto codes = h.format == kInt8 ? at::kChar : at::kByte;
  const auto scales = h.format == kNF4Double ? at::kByte : has_zeros(h.format) ? at::kBFloat16 : at::kFloat;
  std::vector<Tensor> all{copied(weight, h.codes, codes, {h.rows, h.row_bytes}),
                          copied(weight, h.scales, scales, {h.rows, h.row_groups})};
  if (has_zeros(h.format)) all.push_back(copied(weight, h.zeros, at::kByte, {h.rows, h.row_groups}));
  if (h.format == kNF4Double) {
    all.push_back(copied(weight, h.map, at::kFloat, {256}));
    all.push_back(copied(weight, h.nested, at::kFloat, {(groups + kNested - 1) / kNested}));
    all.push_back(at::scalar_tensor(h.offset, weight.options().dtype(at::kFloat)));
  }
  return all;
}

// body(rows of the weight, number of the first of them), until all were there.
template <class Body>
void for_each_panel(const Tensor& weight, at::ScalarType dtype, const Body& body) {
  const auto [outputs, inputs] = shape_of(weight);
  const int64_t at_once = std::max<int64_t>(1, kPanelValues / std::max<int64_t>(1, inputs));
  for (int64_t first = 0; first < outputs; first += at_once) {
    const int64_t count = std::min(at_once, outputs - first);
    body(dense_rows(weight, dtype, first, count), first);
  }
}

// A token that is decoded reads each weight once: then codes are far less than dense rows, which
// would be written and read again.
Tensor few_rows(const Tensor& x, const Tensor& weight) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("anneal::_quantized_few_rows", "")
                             .typed<Tensor(const Tensor&, const Tensor&)>();
  return op.call(x, weight);
}

}  // namespace

Tensor dense_rows(const Tensor& weight, at::ScalarType dtype, int64_t first, int64_t count) {
  if (!is_quantized(weight)) return weight.narrow(0, first, count).to(dtype);
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("anneal::dequantize_weight", "")
                             .typed<decltype(dequantize)>();
  return op.call(weight, dtype, first, count);
}

Tensor times_transposed(const Tensor& x, const Tensor& weight) {
  const auto type = x.scalar_type();
  if (!is_quantized(weight)) return at::mm(x, weight.to(type).t());
  if (x.is_cuda() && x.size(0) <= kFewRows && (type == at::kFloat || type == at::kBFloat16)) return few_rows(x, weight);
  const Tensor out = at::empty({x.size(0), shape_of(weight).outputs}, x.options());
  for_each_panel(weight, type, [&](const Tensor& panel, int64_t first) {
    out.narrow(1, first, panel.size(0)).copy_(at::mm(x, panel.t()));
  });
  return out;
}

Tensor times(const Tensor& dy, const Tensor& weight) {
  const auto type = dy.scalar_type();
  if (!is_quantized(weight)) return at::mm(dy, weight.to(type));
  const Tensor out = at::zeros({dy.size(0), shape_of(weight).inputs}, dy.options());
  for_each_panel(weight, type, [&](const Tensor& panel, int64_t first) {
    out.addmm_(dy.narrow(1, first, panel.size(0)), panel);
  });
  return out;
}

TORCH_LIBRARY_IMPL(anneal, CPU, m) { m.impl("dequantize_weight", TORCH_FN(dequantize)); }
TORCH_LIBRARY_IMPL(anneal, CompositeExplicitAutograd, m) { m.impl("quantized_parts", TORCH_FN(parts)); }

}  // namespace anneal::quantized
