// CUDA entry of gguf_dequantize: one thread a block. Products of steps and codes are exact in
// float32, so that contracting them with the base that follows changes no bit.

#include <ATen/Dispatch.h>
#include <torch/library.h>

#include "../device.cuh"
#include "dequantize_arguments.h"

namespace anneal::gguf {

namespace {

using namespace device;

template <class Block, class Value>
__global__ void decode_kernel(const uint8_t* blocks, Value* out, int64_t count) {
  for (int64_t b = first_index(); b < count; b += index_stride()) {
    float values[Block::kValues];
    Block::decode(blocks + b * Block::kBytes, values);
    for (int i = 0; i < Block::kValues; ++i) out[b * Block::kValues + i] = static_cast<Value>(values[i]);
  }
}

at::Tensor dequantize(const at::Tensor& blocks, int64_t type, int64_t numel, at::ScalarType dtype) {
  const c10::cuda::CUDAGuard guard(blocks.device());
  return with_blocks(
      blocks, type, numel, dtype, [&](auto form, const at::Tensor& out, int64_t count) {
        using Block = typename decltype(form)::Type;
        const uint8_t* from = blocks.const_data_ptr<uint8_t>();
        AT_DISPATCH_FLOATING_TYPES_AND2(at::kBFloat16, at::kHalf, dtype, "gguf_dequantize", [&] {
          scalar_t* to = out.mutable_data_ptr<scalar_t>();
          decode_kernel<Block, scalar_t><<<blocks_for(count, kThreads), kThreads, 0, c10::cuda::getCurrentCUDAStream()>>>(from, to, count);
          C10_CUDA_KERNEL_LAUNCH_CHECK();
        });
      });
}

}  // namespace

TORCH_LIBRARY_IMPL(anneal, CUDA, m) { m.impl("gguf_dequantize", TORCH_FN(dequantize)); }

}  // namespace anneal::gguf
