// CPU entry of anneal::gguf_quantize: Q8_0 and Q4_0, with the roundings of the reference
// implementation.

#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <c10/util/Half.h>
#include <torch/library.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "gguf.h"

namespace anneal::gguf {

namespace {

constexpr int64_t kGrain = 1 << 10;  // blocks a thread takes at least

void put_half(float value, uint8_t* out) {
  const c10::Half half(value);
  std::memcpy(out, &half, sizeof half);
}

float checked(float scale) {
  TORCH_CHECK(std::isfinite(scale), "input has a value that is not finite; it cannot be quantised");
  return scale;
}

struct ToQ8_0 {
  static constexpr int64_t kBytes = 34;
  static void encode(const float* values, uint8_t* out) {
    float largest = 0;
    for (int i = 0; i < kBlock; ++i) {
      if (!(std::fabs(values[i]) <= largest)) largest = std::fabs(values[i]);
    }
    const float d = checked(largest) / 127.0f;
    const float inverse = d == 0 ? 0.0f : 1.0f / d;
    put_half(d, out);
    for (int i = 0; i < kBlock; ++i) {
      // To nearest, ties away from zero. Denormal scales can push a quotient past 127.
      const float q = std::clamp(std::round(values[i] * inverse), -127.0f, 127.0f);
      out[2 + i] = static_cast<uint8_t>(static_cast<int8_t>(q));
    }
  }
};

struct ToQ4_0 {
  static constexpr int64_t kBytes = 18;
  static void encode(const float* values, uint8_t* out) {
    float largest = 0;
    float signed_largest = 0;
    for (int i = 0; i < kBlock; ++i) {
      if (std::fabs(values[i]) <= largest) continue;
      largest = std::fabs(values[i]);
      signed_largest = values[i];
    }
    const float d = checked(signed_largest) / -8.0f;
    const float inverse = d == 0 ? 0.0f : 1.0f / d;
    put_half(d, out);
    const auto nibble = [&](int i) {
      return static_cast<int>(std::clamp(values[i] * inverse + 8.5f, 0.0f, 15.0f));
    };
    for (int i = 0; i < 16; ++i) out[2 + i] = static_cast<uint8_t>(nibble(i) | nibble(i + 16) << 4);
  }
};

template <class Encoder>
at::Tensor encode(const at::Tensor& input) {
  TORCH_CHECK(input.numel() % kBlock == 0, "input has ", input.numel(),
              " values; a block holds ", kBlock);
  const int64_t count = input.numel() / kBlock;
  at::Tensor out = at::empty({count * Encoder::kBytes}, input.options().dtype(at::kByte));
  AT_DISPATCH_FLOATING_TYPES_AND2(
      at::kBFloat16, at::kHalf, input.scalar_type(), "gguf_quantize", [&] {
        const scalar_t* source = input.const_data_ptr<scalar_t>();
        uint8_t* target = out.mutable_data_ptr<uint8_t>();
        at::parallel_for(0, count, kGrain, [&](int64_t begin, int64_t end) {
          float values[kBlock];
          for (int64_t b = begin; b < end; ++b) {
            for (int64_t i = 0; i < kBlock; ++i) {
              values[i] = static_cast<float>(source[b * kBlock + i]);
            }
            Encoder::encode(values, target + b * Encoder::kBytes);
          }
        });
      });
  return out;
}

at::Tensor quantize(const at::Tensor& input, int64_t type) {
  TORCH_CHECK(input.is_contiguous(), "input is not contiguous");
  switch (static_cast<Type>(type)) {
    case Type::kQ8_0:
      return encode<ToQ8_0>(input);
    case Type::kQ4_0:
      return encode<ToQ4_0>(input);
    default:
      TORCH_CHECK(false, "type is ", type, "; the types that are written are 2 and 8");
  }
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(anneal, m) { m.def(kQuantizeSchema); }
TORCH_LIBRARY_IMPL(anneal, CPU, m) { m.impl("gguf_quantize", TORCH_FN(quantize)); }

}  // namespace anneal::gguf
