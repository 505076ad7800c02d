// The loop of philox_uniform_ for float32, compiled once an instruction set.
#include "philox_lanes.h"
#include "philox_uniform.h"

namespace anneal::philox::ANNEAL_ISA {

void uniform(float* out, Range range, int64_t first, int64_t count) {
  const double low = range.low, width = range.high - range.low;
  uint32_t words[kWords];
  for (int64_t i = 0; i < count; i += kWords) {
    draw(range.key, 0, 0, static_cast<uint64_t>((first + i) / 4), words);
    float values[kWords];
    for (int j = 0; j < kWords; ++j) // below 2^24: the signed conversion is the one that vectors have
      values[j] = static_cast<float>(low + width * (static_cast<int32_t>(words[j] >> 8) * 0x1p-24));
    const int64_t left = count - i;
    memcpy(out + first + i, values, sizeof(float) * (left < kWords ? left : kWords));
  }
}

} // namespace anneal::philox::ANNEAL_ISA
