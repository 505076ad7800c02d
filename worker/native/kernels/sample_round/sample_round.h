// Stochastic rounding from float32 to bfloat16: up with the probability of the distance from below,
// so that the expected value is exact.
//
// The 16 bits that element i is compared with come from Philox4x32-10 (philox.h): key `seed`,
// counter (i / 8 low, i / 8 high, kDomain, offset); element i % 8 takes the halves of the four
// words in order, low half first. So a value depends on seed, offset (the step) and its place
// alone: no state, and the same bits on each device and for any number of threads. Infinities and
// NaN stay; a finite value above the largest bfloat16 may round to infinity, as it does to nearest.
#pragma once

#include <stdint.h>

namespace anneal::sample_round {

inline constexpr const char* kSchema =
    "stochastic_round_(Tensor(a!) bf16_out, Tensor fp32_in, int seed, int offset) -> Tensor(a!)";

// Third counter word; philox.h uses 0 and 1, worker/tensor/streams.ts 2.
constexpr uint32_t kDomain = 3;
constexpr int kGroup = 8; // elements of one Philox block

struct Stream {
  uint64_t seed;
  uint32_t offset;
};

// Elements [first, first + n) of `from`; first is a multiple of kGroup.
using Loop = void(const float* from, uint16_t* to, Stream stream, int64_t first, int64_t n);

namespace portable {
Loop round;
}
namespace avx2 {
Loop round;
}
namespace avx512 {
Loop round;
}

} // namespace anneal::sample_round
