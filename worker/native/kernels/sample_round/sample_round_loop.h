// The loop of sample_round.h, compiled once an instruction set.
#include "../bfloat16.h"
#include "../philox/philox_lanes.h"
#include "sample_round.h"

namespace anneal::sample_round::ANNEAL_ISA {

using philox::ANNEAL_ISA::draw;
using philox::ANNEAL_ISA::kWords;

void round(const float* from, uint16_t* to, Stream stream, int64_t first, int64_t n) {
  constexpr int step = 2 * kWords;
  uint32_t words[kWords];
  uint16_t bits[step];
  for (int64_t i = 0; i < n; i += step) {
    draw(stream.seed, kDomain, stream.offset, static_cast<uint64_t>((first + i) / kGroup), words);
    memcpy(bits, words, sizeof bits);
    const float* x = from + first + i;
    uint16_t* y = to + first + i;
    if (n - i >= step) {
      for (int j = 0; j < step; ++j)
        y[j] = to_bfloat16_stochastic(x[j], bits[j]);
    } else {
      for (int j = 0; j < static_cast<int>(n - i); ++j)
        y[j] = to_bfloat16_stochastic(x[j], bits[j]);
    }
  }
}

} // namespace anneal::sample_round::ANNEAL_ISA
