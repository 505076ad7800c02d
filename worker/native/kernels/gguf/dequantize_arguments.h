// What gguf_dequantize checks, and the tensor that it fills: for the processor and for a device.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include "blocks.h"
#include "gguf.h"

namespace anneal::gguf {

template <class Block> struct BlockOf {
  using Type = Block;
};

// body(BlockOf<Block>{}, out, number of blocks), in libtorch's words about the arguments.
template <class Block, class Body>
at::Tensor decoded(const at::Tensor& blocks, int64_t numel, at::ScalarType dtype, Body& body) {
  TORCH_CHECK(numel >= 0 && numel % Block::kValues == 0, "numel is ", numel,
              "; blocks of this type hold ", Block::kValues);
  const int64_t count = numel / Block::kValues;
  TORCH_CHECK(blocks.numel() == count * Block::kBytes, "blocks has ", blocks.numel(), " bytes; ",
              numel, " values of this type take ", count * Block::kBytes);
  at::Tensor out = at::empty({numel}, blocks.options().dtype(dtype));
  if (count > 0) body(BlockOf<Block>{}, out, count);
  return out;
}

template <class Body>
at::Tensor with_blocks(const at::Tensor& blocks, int64_t type, int64_t numel, at::ScalarType dtype,
                       Body body) {
  TORCH_CHECK(blocks.scalar_type() == at::kByte, "blocks has the dtype ", blocks.scalar_type(),
              "; it must be uint8");
  TORCH_CHECK(blocks.is_contiguous(), "blocks is not contiguous");
  switch (static_cast<Type>(type)) {
    case Type::kQ4_0:
      return decoded<Q4_0>(blocks, numel, dtype, body);
    case Type::kQ4_1:
      return decoded<Q4_1>(blocks, numel, dtype, body);
    case Type::kQ5_0:
      return decoded<Q5_0>(blocks, numel, dtype, body);
    case Type::kQ5_1:
      return decoded<Q5_1>(blocks, numel, dtype, body);
    case Type::kQ8_0:
      return decoded<Q8_0>(blocks, numel, dtype, body);
    case Type::kQ2_K:
      return decoded<Q2_K>(blocks, numel, dtype, body);
    case Type::kQ3_K:
      return decoded<Q3_K>(blocks, numel, dtype, body);
    case Type::kQ4_K:
      return decoded<Q4_K>(blocks, numel, dtype, body);
    case Type::kQ5_K:
      return decoded<Q5_K>(blocks, numel, dtype, body);
    case Type::kQ6_K:
      return decoded<Q6_K>(blocks, numel, dtype, body);
  }
  TORCH_CHECK(false, "type is ", type, "; the quantised types are 2, 3, 6, 7, 8 and 10 to 14");
}

}  // namespace anneal::gguf
