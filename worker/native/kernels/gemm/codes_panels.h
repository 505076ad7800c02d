// Packed operands in whole numbers of 8 bits, for gemm_codes_amx.cc and gemm_codes_avx512.cc.
// Panels are 32 rows (of A) or columns (of B) wide: for each 64 values of the depth two tiles of 16
// lines of 64 bytes. A line of A is 64 values of a row; a line of B is four values of each of 16
// columns, as both kinds of instructions want it.
#pragma once
#include "amx_tiles.h"

namespace anneal::gemm {
namespace {

constexpr int kDeep = 64;     // values of the depth in a tile
constexpr int kLongest = 960; // of a block: 127 * 127 * 960 < 2^24

ANNEAL_INLINE __mmask64 first_bytes(int64_t count) {
  return count >= 64 ? ~0ull : count <= 0 ? 0 : (1ull << count) - 1;
}

ANNEAL_INLINE const int8_t *place(Stored s, int64_t row, int64_t column) {
  return static_cast<const int8_t *>(s.data) + row * s.ld + column;
}

template <int Flip> ANNEAL_INLINE void put(char *to, const __m512i (&line)[kSide]) {
  const __m512i bits = _mm512_set1_epi8(static_cast<char>(Flip));
#pragma GCC unroll 16
  for (int i = 0; i < kSide; i++)
    _mm512_store_si512(to + i * 64, Flip ? _mm512_xor_si512(line[i], bits) : line[i]);
}

// Lines that are values of rows: those of A as they are, those of B turned. `Flip` changes bits of
// each value.
template <Side For, int Flip>
void pack_depth_inner(Stored s, int64_t row, int64_t count, int64_t from, int64_t depth, float *to,
                      int64_t stride) {
  for (int64_t i = 0; i < count; i += kSide) {
    char *at = reinterpret_cast<char *>(to + i / kPanel * stride) + i / kSide % 2 * kTileBytes;
    for (int64_t k = 0; k < depth; k += kDeep, at += 2 * kTileBytes) {
      const __mmask64 lanes = first_bytes(depth - k);
      __m512i line[kSide];
#pragma GCC unroll 16
      for (int j = 0; j < kSide; j++)
        line[j] = _mm512_maskz_loadu_epi8(i + j < count ? lanes : 0,
                                          i + j < count ? place(s, row + i + j, from + k) : nullptr);
      if constexpr (For == Side::kB)
        transpose(line);
      put<Flip>(at, line);
    }
  }
}

// Four rows of 64 columns as a line for each 16 of the columns: all four values of a column
// together.
ANNEAL_INLINE void interleave(const __m512i (&row)[4], __m512i (&line)[4]) {
  const __m512i a = _mm512_unpacklo_epi8(row[0], row[1]), b = _mm512_unpackhi_epi8(row[0], row[1]);
  const __m512i c = _mm512_unpacklo_epi8(row[2], row[3]), d = _mm512_unpackhi_epi8(row[2], row[3]);
  // Each has four of the 16 columns of a lane.
  const __m512i p = _mm512_unpacklo_epi16(a, c), q = _mm512_unpackhi_epi16(a, c);
  const __m512i r = _mm512_unpacklo_epi16(b, d), t = _mm512_unpackhi_epi16(b, d);
  const __m512i low = _mm512_shuffle_i32x4(p, q, 0x88), high = _mm512_shuffle_i32x4(p, q, 0xdd);
  const __m512i low8 = _mm512_shuffle_i32x4(r, t, 0x88), high8 = _mm512_shuffle_i32x4(r, t, 0xdd);
  // Lanes p0 p2 q0 q2 of the even, p1 p3 q1 q3 of the odd: two steps give p0 q0 r0 t0 and so on.
  line[0] = _mm512_shuffle_i32x4(low, low8, 0x88);
  line[1] = _mm512_shuffle_i32x4(high, high8, 0x88);
  line[2] = _mm512_shuffle_i32x4(low, low8, 0xdd);
  line[3] = _mm512_shuffle_i32x4(high, high8, 0xdd);
}

// Lines that are values of columns: those of B as they are, those of A turned.
template <Side For, int Flip>
void pack_depth_outer(Stored s, int64_t column, int64_t count, int64_t from, int64_t depth,
                      float *to, int64_t stride) {
  constexpr int kTiles = 4;
  constexpr int64_t kAhead = 64; // rows: a stride beyond a page defeats the machine's own prefetcher
  for (int64_t i = 0; i < count; i += kTiles * kSide) {
    const __mmask64 lanes = first_bytes(count - i);
    for (int64_t k = 0; k < depth; k += kDeep) {
      __m512i tile[kTiles][kSide];
      for (int j = 0; j < kSide; j++) {
        __m512i row[4], line[4];
#pragma GCC unroll 4
        for (int d = 0; d < 4; d++) {
          const int64_t at = k + 4 * j + d;
          __builtin_prefetch(place(s, from + at + kAhead, column + i));
          __builtin_prefetch(place(s, from + at + kAhead, column + i) + 63);
          row[d] = _mm512_maskz_loadu_epi8(at < depth ? lanes : 0,
                                           at < depth ? place(s, from + at, column + i) : nullptr);
        }
        interleave(row, line);
#pragma GCC unroll 4
        for (int t = 0; t < kTiles; t++)
          tile[t][j] = line[t];
      }
      for (int t = 0; t < kTiles && i + t * kSide < count; t++) {
        const int64_t first = i + t * kSide;
        if constexpr (For == Side::kA)
          transpose(tile[t]);
        put<Flip>(reinterpret_cast<char *>(to + first / kPanel * stride) +
                (k / kDeep * 2 + first / kSide % 2) * kTileBytes,
            tile[t]);
      }
    }
  }
}

// `table` with the parts for codes; `Flip` is done to A.
template <int Flip> Table with_codes(const Table &table, const char *name) {
  Table t = table;
  t.name = name;
  t.rows = t.columns = kPanel;
  t.depth = kLongest;
  t.unit = kDeep;
  const int at = static_cast<int>(Storage::kCode8);
  t.bytes[at] = 1;
  constexpr int kInner = static_cast<int>(Layout::kDepthInner);
  constexpr int kOuter = static_cast<int>(Layout::kDepthOuter);
  t.pack_a[kInner][at] = pack_depth_inner<Side::kA, Flip>;
  t.pack_a[kOuter][at] = pack_depth_outer<Side::kA, Flip>;
  t.pack_b[kInner][at] = pack_depth_inner<Side::kB, 0>;
  t.pack_b[kOuter][at] = pack_depth_outer<Side::kB, 0>;
  return t;
}

} // namespace
} // namespace anneal::gemm
