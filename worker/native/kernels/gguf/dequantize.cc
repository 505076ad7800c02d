// CPU entry of anneal::gguf_dequantize.

#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <torch/library.h>

#include <type_traits>

#include "dequantize_arguments.h"

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

at::Tensor dequantize(const at::Tensor& blocks, int64_t type, int64_t numel, at::ScalarType dtype) {
  return with_blocks(
      blocks, type, numel, dtype, [&](auto form, const at::Tensor& out, int64_t count) {
        using Block = typename decltype(form)::Type;
        AT_DISPATCH_FLOATING_TYPES_AND2(at::kBFloat16, at::kHalf, dtype, "gguf_dequantize", [&] {
          decode_all<Block>(blocks.const_data_ptr<uint8_t>(), out.mutable_data_ptr<scalar_t>(), count);
        });
      });
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(anneal, m) { m.def(kDequantizeSchema); }
TORCH_LIBRARY_IMPL(anneal, CPU, m) { m.impl("gguf_dequantize", TORCH_FN(dequantize)); }

}  // namespace anneal::gguf
