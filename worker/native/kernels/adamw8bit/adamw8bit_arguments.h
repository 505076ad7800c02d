// Checks of adamw8bit_'s arguments, for CPU and CUDA.
#pragma once

#include <ATen/core/Tensor.h>

#include <cmath>
#include <optional>

#include "../bfloat16.h"
#include "adamw8bit.h"

namespace anneal::adamw8bit {

struct Settings {
  double lr, beta1, beta2, eps, weight_decay;
  int64_t step;
  double grad_scale;
  std::optional<int64_t> rounding_key;
};

inline bool is_bf16(const at::Tensor& x, const char* name) {
  TORCH_CHECK(x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16, name,
              " has the dtype ", x.scalar_type(), "; it must be float32 or bfloat16");
  return x.scalar_type() == at::kBFloat16;
}

inline void check_state(const at::Tensor& x, const char* name, at::ScalarType dtype,
                        int64_t count) {
  TORCH_CHECK(x.scalar_type() == dtype && x.numel() == count && x.is_contiguous(), name, " is ",
              x.scalar_type(), " ", x.sizes(), "; it must be ", dtype, " of ", count,
              " elements, contiguous");
}

inline Arrays check_arguments(const at::Tensor& param, const at::Tensor& grad,
                              const at::Tensor& m_codes, const at::Tensor& m_absmax,
                              const at::Tensor& v_codes, const at::Tensor& v_absmax) {
  TORCH_CHECK(param.is_contiguous(), "param is not contiguous");
  TORCH_CHECK(grad.sizes() == param.sizes() && grad.is_contiguous(), "grad has the shape ",
              grad.sizes(), "; it must be param's, ", param.sizes(), ", and contiguous");
  const int64_t count = param.numel();
  const int64_t blocks = (count + kBlock - 1) / kBlock;
  check_state(m_codes, "m_codes", at::kByte, count);
  check_state(v_codes, "v_codes", at::kByte, count);
  check_state(m_absmax, "m_absmax", at::kFloat, blocks);
  check_state(v_absmax, "v_absmax", at::kFloat, blocks);
  return {param.mutable_data_ptr(),
          grad.const_data_ptr(),
          m_codes.mutable_data_ptr<uint8_t>(),
          m_absmax.mutable_data_ptr<float>(),
          v_codes.mutable_data_ptr<uint8_t>(),
          v_absmax.mutable_data_ptr<float>(),
          is_bf16(param, "param"),
          is_bf16(grad, "grad"),
          nullptr,
          nullptr,
          count};
}

inline Factors factors_of(const Settings& s) {
  TORCH_CHECK(s.step >= 1, "step is ", s.step, "; the first step is 1");
  const double step = static_cast<double>(s.step);
  return {static_cast<float>(s.grad_scale),
          static_cast<float>(1 - s.lr * s.weight_decay),
          static_cast<float>(s.beta1),
          static_cast<float>(1 - s.beta1),
          static_cast<float>(s.beta2),
          static_cast<float>(1 - s.beta2),
          static_cast<float>(s.lr / (1 - std::pow(s.beta1, step))),
          static_cast<float>(std::sqrt(1 - std::pow(s.beta2, step))),
          static_cast<float>(s.eps),
          s.rounding_key.has_value(),
          static_cast<uint64_t>(s.rounding_key.value_or(0))};
}

// Fills `finder` from 256 ascending values on the host.
inline void make_finder(const float* map, Finder& finder) {
  int32_t border[256];
  for (int i = 0; i < 256; ++i) {
    TORCH_CHECK(i == 0 || map[i] > map[i - 1], "map[", i, "] is ", map[i], " after ", map[i - 1],
                "; the 256 values must ascend");
    const uint32_t bits = float_to_bits(finder.map[i] = map[i]);
    finder.map_words.upper[i] = static_cast<uint16_t>(bits >> 16);
    finder.map_words.lower[i] = static_cast<uint16_t>(bits);
    const int32_t half = i == 255 ? INT32_MAX : static_cast<int32_t>(float_to_bits(0.5f * (map[i] + map[i + 1])));
    border[i] = half ^ ((half >> 31) & INT32_MAX);
    finder.border.upper[i] = static_cast<uint16_t>(border[i] >> 16);
    finder.border.lower[i] = static_cast<uint16_t>(border[i]);
    finder.tree[((i + 1) | 256) >> (__builtin_ctz(i + 1) + 1)] = finder.border.upper[i];
  }
  int code = 0;
  for (int cell = INT16_MIN; cell <= INT16_MAX; ++cell) {
    const bool inside = code < 255 && border[code] >> 16 == cell;
    finder.entry[cell & 0xffff] = static_cast<uint32_t>(code) << 16 | (inside ? finder.border.lower[code] : 0xffffu);
    code += inside;
    TORCH_CHECK(code == 255 || border[code] >> 16 > cell, "the map has two borders near ", map[code], "; it is too fine for its table");
  }
}

} // namespace anneal::adamw8bit
