// What halo takes of the rotations on the CPU while its products are still in a cache, beside the
// operators of hadamard.h.
#pragma once

#include <memory>

#include "hadamard.h"
#include "plan.h"

namespace anneal::hadamard {

// Float32 rows, rotated back by the thread that asks.
class RowsBack {
 public:
  // `type`: float32 or bfloat16.
  RowsBack(int64_t columns, int64_t kind, at::ScalarType type);
  void operator()(const float* x, int64_t ld, int64_t rows, void* out, int64_t out_ld) const;

 private:
  std::shared_ptr<const Plan> plan_;
  Job job_;
  const Loops& loops_;
};

// Columns of float32 tokens, whole blocks of them, rotated where they are by the thread that asks.
void rotate_tokens_here(float* x, int64_t ld, int64_t tokens, int64_t columns, int64_t block);

struct Quantized {
  at::Tensor codes, scale;
};
struct BothQuantized {
  Quantized plain, rotated;
};

// quantize_rotated(x, format) and quantize_rotated(x, format, 0, block), of one reading of x each
// for scales and codes. Format is not kExact.
BothQuantized quantize_both(const at::Tensor& x, int64_t format, int64_t block);

}  // namespace anneal::hadamard
