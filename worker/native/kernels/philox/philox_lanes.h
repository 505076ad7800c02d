// Several Philox blocks at once, one in each 64-bit lane, because the generator multiplies 32-bit
// words to 64 bits. The words are those of block() in philox.h, to which this is held by
// test/numerics/kernels/affine-groups.test.ts. Included by files of one instruction set (isa.h).
#pragma once

#include "../simd/simd.h"

namespace anneal::philox::ANNEAL_ISA {

using simd::ANNEAL_ISA::bits_of;
using simd::ANNEAL_ISA::kBytes;

typedef uint64_t Wide __attribute__((vector_size(kBytes)));
constexpr int kLanes = kBytes / 8; // blocks of one draw
constexpr int kWords = 4 * kLanes;

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

#if defined(__AVX512F__)
constexpr Wide kIota = {0, 1, 2, 3, 4, 5, 6, 7};
#elif defined(__AVX2__)
constexpr Wide kIota = {0, 1, 2, 3};
#else
constexpr Wide kIota = {0, 1};
#endif

// a[0], b[0], a[1], b[1], …: in registers, because what is written by halves and read as a whole
// waits for memory.
ANNEAL_INLINE void store_in_turns(Wide a, Wide b, uint32_t* to) {
#if defined(__AVX512F__)
  const Wide low = __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
  const Wide high = __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
#elif defined(__AVX2__)
  const Wide low = __builtin_shufflevector(a, b, 0, 4, 1, 5);
  const Wide high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
#else
  const Wide low = __builtin_shufflevector(a, b, 0, 2);
  const Wide high = __builtin_shufflevector(a, b, 1, 3);
#endif
  memcpy(to, &low, sizeof low); // little-endian, as all our machines
  memcpy(to + kWords / 2, &high, sizeof high);
}

// The kWords words of blocks [index, index + kLanes), block after block; counter (index low, index
// high, domain, offset). High halves of a lane may hold rubbish on the way: only low halves are
// multiplied, and the end cuts them off.
ANNEAL_INLINE void draw(uint64_t key, uint32_t domain, uint32_t offset, uint64_t index,
                        uint32_t* words) {
  const Wide lane = kIota + index;
  Wide c0 = lane, c1 = lane >> 32, c2 = Wide{} + domain, c3 = Wide{} + offset;
  uint32_t k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
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
  store_in_turns(first, second, words);
}

} // namespace anneal::philox::ANNEAL_ISA
