// Uniform values of float32, many blocks at once: the same bits as UniformValues in philox.h.
#pragma once

#include <stdint.h>

namespace anneal::philox {

struct Range {
  uint64_t key;
  double low, high;
};

// Elements [first, first + count) of a tensor that begins at `out`; first is a multiple of 4.
using UniformLoop = void(float* out, Range range, int64_t first, int64_t count);

namespace portable {
UniformLoop uniform;
}
namespace avx2 {
UniformLoop uniform;
}
namespace avx512 {
UniformLoop uniform;
}

} // namespace anneal::philox
