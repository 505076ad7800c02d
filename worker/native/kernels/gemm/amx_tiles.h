// What products in panels of 32 lines share, in AMX tiles or beside them. Included by files that
// are compiled for such processors alone.
#pragma once
#include "gemm_table.h"
#include "simd/simd.h"

namespace anneal::gemm {
namespace {

namespace simd = simd::avx512;

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

// Sums of a panel of A with one of B: Rows x Columns tiles, 0 to 3.
template <int Rows, int Columns> ANNEAL_INLINE void zero_tiles() {
  _tile_zero(0);
  if constexpr (Columns > 1) _tile_zero(1);
  if constexpr (Rows > 1) _tile_zero(2);
  if constexpr (Rows > 1 && Columns > 1) _tile_zero(3);
}

// Them at `to`, whose lines are `ld` values of 4 bytes apart.
template <int Rows, int Columns, class Sum> ANNEAL_INLINE void store_tiles(Sum *to, int64_t ld) {
  static_assert(sizeof(Sum) == 4);
  _tile_stored(0, to, ld * 4);
  if constexpr (Columns > 1) _tile_stored(1, to + kSide, ld * 4);
  if constexpr (Rows > 1) _tile_stored(2, to + kSide * ld, ld * 4);
  if constexpr (Rows > 1 && Columns > 1) _tile_stored(3, to + kSide * ld + kSide, ld * 4);
}

ANNEAL_INLINE __m512 as_floats(__m512i sums) {
  return (__m512)__builtin_convertvector((simd::I)sums, simd::F);
}
ANNEAL_INLINE __m512 as_floats(const float *sums) { return _mm512_load_ps(sums); }
ANNEAL_INLINE __m512 as_floats(const int32_t *sums) { return as_floats(_mm512_load_si512(sums)); }

// c = factor * sum, or c += factor * sum, in some of sixteen lanes. Nothing is added to bfloat16,
// which is rounded as by Table::finish.
ANNEAL_INLINE void put(float *c, __mmask16 lanes, __m512 factor, __m512 sum, bool add) {
  const __m512 value = add ? _mm512_fmadd_ps(factor, sum, _mm512_maskz_loadu_ps(lanes, c))
                           : _mm512_mul_ps(factor, sum);
  _mm512_mask_storeu_ps(c, lanes, value);
}
ANNEAL_INLINE void put(uint16_t *c, __mmask16 lanes, __m512 factor, __m512 sum, bool) {
  const simd::F value = factor * sum;
  const simd::U bits = value == value ? simd::rounded_up(value) : simd::U{} + 0x7fc00000;
  _mm256_mask_storeu_epi16(c, lanes, (__m256i)__builtin_convertvector(bits >> 16, simd::Half));
}

// The same of sums in lines of a panel.
template <class Sum, class Out>
void finish(const Sum *sums, int64_t rows, int64_t columns, Out *c, int64_t ldc, float alpha,
            bool add) {
  const __m512 factor = _mm512_set1_ps(alpha);
  for (int64_t i = 0; i < rows; i++, c += ldc, sums += kPanel)
    for (int64_t j = 0; j < columns; j += kSide)
      put(c + j, first(columns - j), factor, as_floats(sums + j), add);
}

// Table::multiply around `Right`, a panel of B whose product with one of A it adds to C.
template <class Right, class Out>
ANNEAL_INLINE void each_panel(int64_t depth, const Panels &a, const Panels &b, Out *c, int64_t ldc,
                              float alpha, bool add) {
  for (int64_t j = 0; j < b.count; j += kPanel) {
    const int64_t columns = b.count - j < kPanel ? b.count - j : kPanel;
    const Right right(depth, reinterpret_cast<const char *>(b.data + j / kPanel * b.stride),
                      a.bytes, b.bytes);
    for (int64_t i = 0; i < a.count; i += kPanel) {
      const int64_t rows = a.count - i < kPanel ? a.count - i : kPanel;
      const char *left = reinterpret_cast<const char *>(a.data + i / kPanel * a.stride);
      right.with(depth, left, rows, columns, c + i * ldc + j, ldc, alpha, add);
    }
  }
}

} // namespace
} // namespace anneal::gemm
