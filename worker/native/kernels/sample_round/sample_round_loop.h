// The loop of sample_round.h, compiled once an instruction set: several Philox blocks at once, one
// in each 64-bit lane, because the generator multiplies 32-bit words to 64 bits.
#include "../bfloat16.h"
#include "../simd/simd.h"
#include "sample_round.h"

namespace anneal::sample_round::ANNEAL_ISA {

namespace {

using simd::ANNEAL_ISA::bits_of;
using simd::ANNEAL_ISA::kBytes;

typedef uint64_t Wide __attribute__((vector_size(kBytes)));
constexpr int kLanes = kBytes / 8;

// Low halves of the lanes, multiplied to whole lanes.
ANNEAL_INLINE Wide multiply(Wide a, uint32_t factor) {
#if defined(__AVX512F__)
  return bits_of<Wide>(_mm512_mul_epu32(bits_of<__m512i>(a), _mm512_set1_epi64(factor)));
#elif defined(__AVX2__)
  return bits_of<Wide>(_mm256_mul_epu32(bits_of<__m256i>(a), _mm256_set1_epi64x(factor)));
#else
  return (a & 0xffffffffu) * factor;
#endif
}

// 16 random bits for each of the 8 * kLanes elements from group `group` on. High halves of a lane
// may hold rubbish on the way: only low halves are multiplied, and the end cuts them off.
ANNEAL_INLINE void draw(Stream stream, uint64_t group, uint16_t* bits) {
  Wide lane = {};
  for (int i = 0; i < kLanes; ++i)
    lane[i] = group + static_cast<uint64_t>(i);
  Wide c0 = lane, c1 = lane >> 32, c2 = Wide{} + kDomain, c3 = Wide{} + stream.offset;
  uint32_t k0 = static_cast<uint32_t>(stream.seed), k1 = static_cast<uint32_t>(stream.seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const Wide a = multiply(c0, 0xD2511F53u);
    const Wide b = multiply(c2, 0xCD9E8D57u);
    c0 = (b >> 32) ^ c1 ^ k0;
    c1 = b;
    c2 = (a >> 32) ^ c3 ^ k1;
    c3 = a;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  const Wide first = (c0 & 0xffffffffu) | c1 << 32;
  const Wide second = (c2 & 0xffffffffu) | c3 << 32;
  for (int i = 0; i < kLanes; ++i) {
    const uint64_t words[2] = {first[i], second[i]};
    memcpy(bits + i * kGroup, words, sizeof words); // little-endian, as all our machines
  }
}

} // namespace

void round(const float* from, uint16_t* to, Stream stream, int64_t first, int64_t n) {
  constexpr int step = kLanes * kGroup;
  uint16_t bits[step];
  for (int64_t i = 0; i < n; i += step) {
    draw(stream, static_cast<uint64_t>((first + i) / kGroup), bits);
    const float* x = from + first + i;
    uint16_t* y = to + first + i;
    if (n - i >= step) {
      for (int j = 0; j < step; ++j)
        y[j] = to_bfloat16_by_chance(x[j], bits[j]);
    } else {
      for (int j = 0; j < static_cast<int>(n - i); ++j)
        y[j] = to_bfloat16_by_chance(x[j], bits[j]);
    }
  }
}

} // namespace anneal::sample_round::ANNEAL_ISA
