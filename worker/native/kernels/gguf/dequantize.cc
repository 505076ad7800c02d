// CPU entry of anneal::gguf_dequantize.

#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <torch/library.h>

#include <type_traits>

#include "blocks.h"
#include "gguf.h"

namespace anneal::gguf {

namespace {

constexpr int64_t kGrainValues = 1 << 15;  // a thread takes at least some ten microseconds of work

template <class Block, class Value>
void decode_all(const uint8_t* blocks, Value* out, int64_t count) {
  at::parallel_for(0, count, kGrainValues / Block::kValues, [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) {
      const uint8_t* block = blocks + b * Block::kBytes;
      Value* target = out + b * Block::kValues;
      if constexpr (std::is_same_v<Value, float>) {
        Block::decode(block, target);
      } else {
        float values[Block::kValues];
        Block::decode(block, values);
        for (int64_t i = 0; i < Block::kValues; ++i) target[i] = static_cast<Value>(values[i]);
      }
    }
  });
}

template <class Block>
at::Tensor decode(const at::Tensor& blocks, int64_t numel, at::ScalarType dtype) {
  TORCH_CHECK(numel >= 0 && numel % Block::kValues == 0, "numel is ", numel,
              "; blocks of this type hold ", Block::kValues);
  const int64_t count = numel / Block::kValues;
  TORCH_CHECK(blocks.numel() == count * Block::kBytes, "blocks has ", blocks.numel(), " bytes; ",
              numel, " values of this type take ", count * Block::kBytes);
  at::Tensor out = at::empty({numel}, blocks.options().dtype(dtype));
  AT_DISPATCH_FLOATING_TYPES_AND2(at::kBFloat16, at::kHalf, dtype, "gguf_dequantize", [&] {
    decode_all<Block, scalar_t>(blocks.const_data_ptr<uint8_t>(), out.mutable_data_ptr<scalar_t>(),
                                count);
  });
  return out;
}

at::Tensor dequantize(const at::Tensor& blocks, int64_t type, int64_t numel, at::ScalarType dtype) {
  TORCH_CHECK(blocks.scalar_type() == at::kByte, "blocks has the dtype ", blocks.scalar_type(),
              "; it must be uint8");
  TORCH_CHECK(blocks.is_contiguous(), "blocks is not contiguous");
  switch (static_cast<Type>(type)) {
    case Type::kQ4_0:
      return decode<Q4_0>(blocks, numel, dtype);
    case Type::kQ4_1:
      return decode<Q4_1>(blocks, numel, dtype);
    case Type::kQ5_0:
      return decode<Q5_0>(blocks, numel, dtype);
    case Type::kQ5_1:
      return decode<Q5_1>(blocks, numel, dtype);
    case Type::kQ8_0:
      return decode<Q8_0>(blocks, numel, dtype);
    case Type::kQ2_K:
      return decode<Q2_K>(blocks, numel, dtype);
    case Type::kQ3_K:
      return decode<Q3_K>(blocks, numel, dtype);
    case Type::kQ4_K:
      return decode<Q4_K>(blocks, numel, dtype);
    case Type::kQ5_K:
      return decode<Q5_K>(blocks, numel, dtype);
    case Type::kQ6_K:
      return decode<Q6_K>(blocks, numel, dtype);
  }
  TORCH_CHECK(false, "type is ", type, "; the quantised types are 2, 3, 6, 7, 8 and 10 to 14");
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(anneal, m) { m.def(kDequantizeSchema); }
TORCH_LIBRARY_IMPL(anneal, CPU, m) { m.impl("gguf_dequantize", TORCH_FN(dequantize)); }

}  // namespace anneal::gguf
