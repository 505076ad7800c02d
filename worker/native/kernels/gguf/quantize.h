// What the loops that write blocks are given. No header of libtorch: kernels/isa.h says why.
#pragma once

#include "gguf.h"

namespace anneal::gguf {

// Blocks that follow each other in a matrix.
struct Blocks {
  const float* values;       // of the first
  int64_t first;             // its number in the matrix
  int64_t count;
  int64_t in_row;            // blocks of a row
  const float* importance;   // of each column, or null
  const float* mean_squares; // of each row of the matrix, for plain blocks with an importance
  uint8_t* out;              // of the first
};

// Bits of what was wrong with the values.
enum Wrong : int { kNotFinite = 1, kTooLarge = 2 };

// Writes the blocks and returns what is wrong; then they are worthless.
using Quantize = int(Type, const Blocks&);

namespace portable {
Quantize quantize;
}
namespace avx2 {
Quantize quantize;
}
namespace avx512 {
Quantize quantize;
}

} // namespace anneal::gguf
