// Packed operands in pairs of bfloat16, for gemm_amx.cc and gemm_pairs_avx512.cc. Panels are 32
// rows (of A) or columns (of B) wide: for each 32 values of the depth, for each piece (gemm_amx.h),
// two tiles of 16 lines of 64 bytes. A line of A is 32 values of a row; a line of B is a pair of
// values of 16 columns, as both kinds of instructions want it.
#pragma once
#include "amx_tiles.h"
#include "quantized/layout.h"

namespace anneal::gemm {
namespace {

constexpr int kDeep = 32; // values of the depth in a tile
constexpr int kMostPieces = 3;

// Sixteen neighbouring values as float32, those behind `count` as zero.
struct Float32 {
  static constexpr int kPieces = 3;
  static ANNEAL_INLINE __m512 sixteen(Stored s, int64_t row, int64_t column, __mmask16 lanes) {
    return _mm512_maskz_loadu_ps(lanes, static_cast<const float *>(s.data) + row * s.ld + column);
  }
};
struct BFloat16 {
  static constexpr int kPieces = 1;
  static ANNEAL_INLINE __m512 sixteen(Stored s, int64_t row, int64_t column, __mmask16 lanes) {
    const uint16_t *at = static_cast<const uint16_t *>(s.data) + row * s.ld + column;
    const __m512i wide = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(lanes, at));
    return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
  }
};

// Exact in bfloat16. The bits of e4m3 in the places of float16 have its value divided by 2^8:
// exponents are 15 and 7 off.
struct Float8 {
  static constexpr int kPieces = 1;
  static ANNEAL_INLINE __m512 sixteen(Stored s, int64_t row, int64_t column, __mmask16 lanes) {
    const uint8_t *at = static_cast<const uint8_t *>(s.data) + row * s.ld + column;
    const __m256i bits = _mm256_cvtepi8_epi16(_mm_maskz_loadu_epi8(lanes, at));
    const __m256i half = _mm256_and_si256(_mm256_slli_epi16(bits, 7),
                                          _mm256_set1_epi16(static_cast<int16_t>(0xbf80)));
    return _mm512_mul_ps(_mm512_cvtph_ps(half), _mm512_set1_ps(256));
  }
};

// A quantised matrix. Sixteen values begin at a multiple of sixteen columns and so share one scale;
// there are sixteen, or only the last of a row of Int8 without groups.
template <quantized::Format F, bool Rounded> struct Quantized {
  static constexpr int kPieces = Rounded ? 1 : 3;
  static ANNEAL_INLINE __m512 sixteen(Stored s, int64_t row, int64_t column, __mmask16 lanes) {
    const quantized::Header &h = quantized::header_at(s.data);
    const int64_t group = quantized::group_of(h, row, column);
    const __m512 scale = _mm512_set1_ps(quantized::scale_of<F>(h, group));
    const uint8_t *codes = quantized::section<uint8_t>(h, h.codes) + row * h.row_bytes;
    const __m512 value = _mm512_mul_ps(values(h, group, codes, column, lanes), scale);
    return Rounded ? simd::rounded<simd::Bf16>(value) : value;
  }

private:
  static ANNEAL_INLINE __m512 values(const quantized::Header &h, int64_t group,
                                     const uint8_t *codes, int64_t column, __mmask16 lanes) {
    if constexpr (F == quantized::kInt8) {
      const __m128i bytes = _mm_maskz_loadu_epi8(lanes, codes + column);
      return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes));
    } else if constexpr (F == quantized::kInt3 || F == quantized::kInt2) {
      const int zero = quantized::section<uint8_t>(h, h.zeros)[group];
      const __m512i small = sixteen_small(codes + column / 8 * quantized::bits_of(F));
      return _mm512_cvtepi32_ps(_mm512_sub_epi32(small, _mm512_set1_epi32(zero)));
    } else {
      const __m512i halves = sixteen_halves(codes + column / 2);
      if constexpr (F == quantized::kInt4) {
        const int zero = quantized::section<uint8_t>(h, h.zeros)[group];
        return _mm512_cvtepi32_ps(_mm512_sub_epi32(halves, _mm512_set1_epi32(zero)));
      } else {
        return _mm512_permutexvar_ps(halves, table());
      }
    }
  }
  // 4 bits each, the first in the high half of its byte.
  static ANNEAL_INLINE __m512i sixteen_halves(const uint8_t *codes) {
    const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i *>(codes));
    const __m512i twice = _mm512_cvtepu8_epi32(_mm_unpacklo_epi8(bytes, bytes));
    const __m512i shifts = _mm512_set1_epi64(4); // lanes 0, 2, ... by 4; the others by 0
    return _mm512_and_si512(_mm512_srlv_epi32(twice, shifts), _mm512_set1_epi32(15));
  }
  // 3 or 2 bits each, from the lowest: eight in the word of each half of the lanes.
  static ANNEAL_INLINE __m512i sixteen_small(const uint8_t *codes) {
    constexpr int b = quantized::bits_of(F);
    const int first = static_cast<int>(quantized::eight_codes<F>(codes));
    const int second = static_cast<int>(quantized::eight_codes<F>(codes + b));
    const __m512i words = _mm512_mask_set1_epi32(_mm512_set1_epi32(first), 0xff00, second);
    const __m512i shifts = _mm512_setr_epi32(0, b, 2 * b, 3 * b, 4 * b, 5 * b, 6 * b, 7 * b, 0, b,
                                             2 * b, 3 * b, 4 * b, 5 * b, 6 * b, 7 * b);
    return _mm512_and_si512(_mm512_srlv_epi32(words, shifts), _mm512_set1_epi32((1 << b) - 1));
  }
  static ANNEAL_INLINE __m512 table() {
    using quantized::nf4_value;
    return _mm512_setr_ps(nf4_value(0), nf4_value(1), nf4_value(2), nf4_value(3), nf4_value(4),
                          nf4_value(5), nf4_value(6), nf4_value(7), nf4_value(8), nf4_value(9),
                          nf4_value(10), nf4_value(11), nf4_value(12), nf4_value(13),
                          nf4_value(14), nf4_value(15));
  }
};

// Pieces of values, each in the upper half of its lane.
template <int Pieces> ANNEAL_INLINE void split(__m512 value, __m512i (&piece)[Pieces]) {
  const __m512i upper = _mm512_set1_epi32(static_cast<int>(0xffff0000));
  if constexpr (Pieces == 1) {
    piece[0] = _mm512_castps_si512(value);
  } else {
    // What is not finite has no rest: infinity minus itself would make a NaN of it.
    const __mmask16 finite = _mm512_cmp_ps_mask(_mm512_abs_ps(value),
                                                _mm512_set1_ps(__builtin_inff()), _CMP_LT_OQ);
    __m512 rest = value;
#pragma GCC unroll 3
    for (int p = 0; p < Pieces; p++) {
      piece[p] = _mm512_and_si512(_mm512_castps_si512(rest), upper);
      rest = _mm512_maskz_sub_ps(finite, rest, _mm512_castsi512_ps(piece[p]));
    }
    // Truncation would make an infinity of a NaN whose mark is in the lower bits.
    const __mmask16 nan = _mm512_cmp_ps_mask(value, value, _CMP_UNORD_Q);
    piece[0] = _mm512_mask_mov_epi32(piece[0], nan, _mm512_set1_epi32(0x7fc00000));
  }
}

// Sixteen lines of 64 bytes: line i has 32 values of row `row` + i of the store.
template <class Source>
ANNEAL_INLINE void lines_of_rows(Stored s, int64_t row, int64_t count, int64_t from, int64_t depth,
                                 __m512i (&line)[Source::kPieces][kSide]) {
  alignas(64) static constexpr uint16_t kOdd[32] = {1,  3,  5,  7,  9,  11, 13, 15, 17, 19, 21,
                                                    23, 25, 27, 29, 31, 33, 35, 37, 39, 41, 43,
                                                    45, 47, 49, 51, 53, 55, 57, 59, 61, 63};
  const __m512i odd = _mm512_load_si512(kOdd);
  const __mmask16 low = first(depth), high = first(depth - kSide);
  for (int i = 0; i < kSide; i++) {
    __m512i a[Source::kPieces] = {}, b[Source::kPieces] = {};
    if (i < count) {
      split<Source::kPieces>(Source::sixteen(s, row + i, from, low), a);
      if (high)
        split<Source::kPieces>(Source::sixteen(s, row + i, from + kSide, high), b);
    }
#pragma GCC unroll 3
    for (int p = 0; p < Source::kPieces; p++)
      line[p][i] = _mm512_permutex2var_epi16(a[p], odd, b[p]);
  }
}

// Sixteen lines of 64 bytes: line i has rows `from` + 2 i and `from` + 2 i + 1 of 16 columns, in
// pairs.
template <class Source>
ANNEAL_INLINE void lines_of_pairs(Stored s, int64_t column, int64_t count, int64_t from,
                                  int64_t depth, __m512i (&line)[Source::kPieces][kSide]) {
  const __mmask16 lanes = first(count);
  for (int i = 0; i < kSide; i++) {
    __m512i a[Source::kPieces] = {}, b[Source::kPieces] = {};
    if (2 * i < depth)
      split<Source::kPieces>(Source::sixteen(s, from + 2 * i, column, lanes), a);
    if (2 * i + 1 < depth)
      split<Source::kPieces>(Source::sixteen(s, from + 2 * i + 1, column, lanes), b);
#pragma GCC unroll 3
    for (int p = 0; p < Source::kPieces; p++)
      line[p][i] = _mm512_or_si512(_mm512_srli_epi32(a[p], 16), b[p]);
  }
}

template <class Source, Side For, Layout Lies>
void pack(Stored s, int64_t from_row, int64_t count, int64_t from, int64_t depth, float *to,
          int64_t stride) {
  // The lines that a reader makes are those of A where the depth is contiguous, else those of B.
  constexpr bool kTurned = (For == Side::kA) != (Lies == Layout::kDepthInner);
  constexpr int64_t kPieceBytes = 2 * kTileBytes;
  for (int64_t i = 0; i < count; i += kSide) {
    char *at = reinterpret_cast<char *>(to + i / kPanel * stride) + i / kSide % 2 * kTileBytes;
    for (int64_t k = 0; k < depth; k += kDeep, at += Source::kPieces * kPieceBytes) {
      __m512i line[Source::kPieces][kSide];
      if constexpr (Lies == Layout::kDepthInner)
        lines_of_rows<Source>(s, from_row + i, count - i, from + k, depth - k, line);
      else
        lines_of_pairs<Source>(s, from_row + i, count - i, from + k, depth - k, line);
#pragma GCC unroll 3
      for (int p = 0; p < Source::kPieces; p++) {
        if constexpr (kTurned)
          transpose(line[p]);
#pragma GCC unroll 16
        for (int j = 0; j < kSide; j++)
          _mm512_store_si512(at + p * kPieceBytes + j * 64, line[p][j]);
      }
    }
  }
}

template <class Source> void add(Table &t, Storage storage) {
  const int at = static_cast<int>(storage);
  t.bytes[at] = 2 * Source::kPieces;
  t.pack_b[static_cast<int>(Layout::kDepthInner)][at] =
      pack<Source, Side::kB, Layout::kDepthInner>;
  t.pack_b[static_cast<int>(Layout::kDepthOuter)][at] =
      pack<Source, Side::kB, Layout::kDepthOuter>;
}

// What is not quantised is an operand on either side.
template <class Source> void add_dense(Table &t, Storage storage) {
  add<Source>(t, storage);
  const int at = static_cast<int>(storage);
  t.pack_a[static_cast<int>(Layout::kDepthInner)][at] =
      pack<Source, Side::kA, Layout::kDepthInner>;
  t.pack_a[static_cast<int>(Layout::kDepthOuter)][at] =
      pack<Source, Side::kA, Layout::kDepthOuter>;
}

// `table` with operands in pairs; the caller adds what multiplies them.
Table with_pairs_packed(const Table &table, const char *name) {
  Table t = table;
  t.name = name;
  t.rows = t.columns = kPanel;
  t.depth = 256;
  t.unit = kDeep;
  add_dense<Float32>(t, Storage::kFloat32);
  add_dense<BFloat16>(t, Storage::kBFloat16);
  add_dense<Float8>(t, Storage::kFloat8);
  add<Quantized<quantized::kNF4, false>>(t, Storage::kNF4);
  add<Quantized<quantized::kNF4Double, false>>(t, Storage::kNF4Double);
  add<Quantized<quantized::kInt8, false>>(t, Storage::kInt8);
  add<Quantized<quantized::kInt4, false>>(t, Storage::kInt4);
  add<Quantized<quantized::kInt3, false>>(t, Storage::kInt3);
  add<Quantized<quantized::kInt2, false>>(t, Storage::kInt2);
  add<Quantized<quantized::kNF4, true>>(t, Storage::kNF4Rounded);
  add<Quantized<quantized::kNF4Double, true>>(t, Storage::kNF4DoubleRounded);
  add<Quantized<quantized::kInt8, true>>(t, Storage::kInt8Rounded);
  add<Quantized<quantized::kInt4, true>>(t, Storage::kInt4Rounded);
  add<Quantized<quantized::kInt3, true>>(t, Storage::kInt3Rounded);
  add<Quantized<quantized::kInt2, true>>(t, Storage::kInt2Rounded);
  return t;
}

} // namespace
} // namespace anneal::gemm
