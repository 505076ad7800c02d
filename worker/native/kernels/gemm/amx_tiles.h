// What the products in AMX tiles share. Included by files that are compiled for AMX alone, inside their anonymous namespaces.
#pragma once
#include "gemm_table.h"

#include <immintrin.h>

namespace anneal::gemm {
namespace {

#define ANNEAL_INLINE inline __attribute__((always_inline))

constexpr int kSide = 16;           // lines of a tile, and floats of a line of C
constexpr int kPanel = 2 * kSide;   // rows or columns of a panel
constexpr int64_t kTileBytes = 1024;

enum class Side { kA, kB };

ANNEAL_INLINE __mmask16 first(int64_t count) {
  return count >= kSide ? 0xffff : count <= 0 ? 0 : static_cast<__mmask16>((1u << count) - 1);
}

// Lane i of line j becomes lane j of line i.
ANNEAL_INLINE void transpose(__m512i (&line)[kSide]) {
  __m512i a[kSide], b[kSide];
#pragma GCC unroll 8
  for (int i = 0; i < kSide; i += 2) {
    a[i] = _mm512_unpacklo_epi32(line[i], line[i + 1]);
    a[i + 1] = _mm512_unpackhi_epi32(line[i], line[i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < kSide; i += 4) {
    b[i] = _mm512_unpacklo_epi64(a[i], a[i + 2]);
    b[i + 1] = _mm512_unpackhi_epi64(a[i], a[i + 2]);
    b[i + 2] = _mm512_unpacklo_epi64(a[i + 1], a[i + 3]);
    b[i + 3] = _mm512_unpackhi_epi64(a[i + 1], a[i + 3]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    const __m512i even = _mm512_shuffle_i32x4(b[i], b[4 + i], 0x88);
    const __m512i odd = _mm512_shuffle_i32x4(b[i], b[4 + i], 0xdd);
    const __m512i even8 = _mm512_shuffle_i32x4(b[8 + i], b[12 + i], 0x88);
    const __m512i odd8 = _mm512_shuffle_i32x4(b[8 + i], b[12 + i], 0xdd);
    line[i] = _mm512_shuffle_i32x4(even, even8, 0x88);
    line[4 + i] = _mm512_shuffle_i32x4(odd, odd8, 0x88);
    line[8 + i] = _mm512_shuffle_i32x4(even, even8, 0xdd);
    line[12 + i] = _mm512_shuffle_i32x4(odd, odd8, 0xdd);
  }
}

// All eight tiles have 16 lines of 64 bytes.
struct alignas(64) Configuration {
  uint8_t palette = 1, start = 0, reserved[14] = {};
  uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t lines[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

} // namespace
} // namespace anneal::gemm
