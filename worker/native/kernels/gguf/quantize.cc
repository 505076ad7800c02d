// CPU entry of anneal::gguf_quantize: checks, float32 copies of other types, threads.

#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <torch/library.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <optional>
#include <vector>

#include "../isa.h"
#include "quantize.h"

namespace anneal::gguf {

namespace {

constexpr int64_t kAtOnce = 1 << 13;  // values that a thread takes at least, and copies at once

struct Form {
  int64_t values, bytes;  // of a block
};

Form form_of(Type type) {
  switch (type) {
    case Type::kQ4_0:
      return {kBlock, 18};
    case Type::kQ4_1:
      return {kBlock, 20};
    case Type::kQ5_0:
      return {kBlock, 22};
    case Type::kQ5_1:
      return {kBlock, 24};
    case Type::kQ8_0:
      return {kBlock, 34};
    case Type::kQ2_K:
      return {kSuperBlock, 84};
    case Type::kQ3_K:
      return {kSuperBlock, 110};
    case Type::kQ4_K:
      return {kSuperBlock, 144};
    case Type::kQ5_K:
      return {kSuperBlock, 176};
    case Type::kQ6_K:
      return {kSuperBlock, 210};
  }
  TORCH_CHECK(false, "type is ", static_cast<int64_t>(type),
              "; the types that are written are 2, 3, 6, 7, 8 and 10 to 14");
}

int64_t row_of(const at::Tensor& input) { return input.dim() == 0 ? 1 : input.size(-1); }

const float* check_importance(const std::optional<at::Tensor>& importance, int64_t columns) {
  if (!importance.has_value()) return nullptr;
  TORCH_CHECK(importance->scalar_type() == at::kFloat && importance->is_contiguous() &&
                  importance->dim() == 1 && importance->size(0) == columns,
              "importance is ", importance->scalar_type(), " ", importance->sizes(),
              "; it must be contiguous float32 with one weight for each of ", columns, " columns");
  const float* weights = importance->const_data_ptr<float>();
  for (int64_t i = 0; i < columns; ++i) {
    TORCH_CHECK(std::isfinite(weights[i]) && weights[i] >= 0, "importance of column ", i, " is ",
                weights[i], "; it must be finite and not negative");
  }
  return weights;
}

// In the order of the values.
template <class Value>
std::vector<float> mean_squares(const Value* values, int64_t rows, int64_t columns) {
  std::vector<float> means(rows);
  at::parallel_for(0, rows, std::max<int64_t>(1, kAtOnce / columns), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      float sum = 0;
      for (int64_t i = 0; i < columns; ++i) {
        const float x = static_cast<float>(values[row * columns + i]);
        sum += x * x;
      }
      means[row] = sum / static_cast<float>(columns);
    }
  });
  return means;
}

template <class Value>
int quantize_all(const Value* values, Type type, const Form& form, const Blocks& all) {
  Quantize* const quantize = ANNEAL_CHOOSE(quantize);
  const int64_t step = kAtOnce / form.values;
  std::atomic<int> found = 0;
  at::parallel_for(0, (all.count + step - 1) / step, 1, [&](int64_t begin, int64_t end) {
    std::vector<float> copy;
    for (int64_t part = begin; part < end; ++part) {
      Blocks some = all;
      some.first = part * step;
      some.count = std::min(step, all.count - some.first);
      some.out += some.first * form.bytes;
      const Value* from = values + some.first * form.values;
      if constexpr (std::is_same_v<Value, float>) {
        some.values = from;
      } else {
        copy.resize(kAtOnce);
        std::transform(from, from + some.count * form.values, copy.begin(),
                       [](Value x) { return static_cast<float>(x); });
        some.values = copy.data();
      }
      found |= quantize(type, some);
    }
  });
  return found;
}

at::Tensor quantize(const at::Tensor& input, int64_t number,
                    const std::optional<at::Tensor>& importance) {
  const Type type = static_cast<Type>(number);
  const Form form = form_of(type);
  TORCH_CHECK(input.is_contiguous(), "input is not contiguous");
  const int64_t columns = row_of(input);
  TORCH_CHECK(columns % form.values == 0, "input has rows of ", columns,
              " values; a block of this type holds ", form.values);
  const int64_t rows = input.numel() / std::max<int64_t>(1, columns);
  const float* weights = check_importance(importance, columns);
  const int64_t count = input.numel() / form.values;
  at::Tensor out = at::empty({count * form.bytes}, input.options().dtype(at::kByte));
  AT_DISPATCH_FLOATING_TYPES_AND2(
      at::kBFloat16, at::kHalf, input.scalar_type(), "gguf_quantize", [&] {
        const scalar_t* values = input.const_data_ptr<scalar_t>();
        std::vector<float> means;
        const bool are_weighted = form.values == kBlock && type != Type::kQ8_0;
        if (weights != nullptr && are_weighted && columns > 0) {
          means = mean_squares(values, rows, columns);
        }
        const int64_t in_row = columns / form.values;
        const Blocks all{nullptr, 0,       count,         in_row,
                         weights, means.empty() ? nullptr : means.data(),
                         out.mutable_data_ptr<uint8_t>()};
        const int found = quantize_all(values, type, form, all);
        TORCH_CHECK((found & kNotFinite) == 0,
                    "input has a value that is not finite; it cannot be quantised");
        TORCH_CHECK((found & kTooLarge) == 0,
                    "input has values so large that float16 cannot hold the step of their block; "
                    "they cannot be quantised");
      });
  return out;
}

// Blocks of a matrix of a device are searched on the host: a ninth of its bytes comes back.
at::Tensor quantize_on_host(const at::Tensor& input, int64_t number,
                            const std::optional<at::Tensor>& importance) {
  std::optional<at::Tensor> weights;
  if (importance.has_value()) weights = importance->cpu();
  return quantize(input.cpu(), number, weights).to(input.device());
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(anneal, m) { m.def(kQuantizeSchema); }
TORCH_LIBRARY_IMPL(anneal, CPU, m) { m.impl("gguf_quantize", TORCH_FN(quantize)); }
TORCH_LIBRARY_IMPL(anneal, CUDA, m) { m.impl("gguf_quantize", TORCH_FN(quantize_on_host)); }

}  // namespace anneal::gguf
