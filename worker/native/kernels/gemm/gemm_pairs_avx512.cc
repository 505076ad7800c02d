// Products of bfloat16 by AVX-512's dot products of pairs (AVX512_BF16), in panels of
// pair_panels.h.
#include "gemm_pairs.h"
#include "pair_panels.h"

namespace anneal::gemm {
namespace {

#define ANNEAL_PAIRS __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")))

constexpr int kRows = 8; // of A at a time: 16 sums

struct Pairs {
  const char *b;
  int a_pieces, b_pieces;
  Pairs(int64_t, const char *b, int a_bytes, int b_bytes)
      : b(b), a_pieces(a_bytes / 2), b_pieces(b_bytes / 2) {}

  void with(int64_t depth, const char *a, int64_t rows, int64_t columns, float *c, int64_t ldc,
            float alpha, bool add) const {
    alignas(64) float sums[kPanel * kPanel];
    // Lines 0 to 15 of a panel lie in its first tile, the others in its second.
    for (int64_t i = 0; i < rows; i += kRows)
      some_rows(depth, a + i / kSide * kTileBytes + i % kSide * 64, sums + i * kPanel);
    finish(sums, rows, columns, c, ldc, alpha, add);
  }

  ANNEAL_PAIRS void some_rows(int64_t depth, const char *a, float *sums) const {
    __m512 sum[kRows][2];
#pragma GCC unroll 8
    for (int i = 0; i < kRows; i++)
      sum[i][0] = sum[i][1] = _mm512_setzero_ps();
    constexpr int64_t kPiece = 2 * kTileBytes;
    const char *all = b;
    for (int64_t k = 0; k < depth; k += kDeep, a += a_pieces * kPiece, all += b_pieces * kPiece)
      for (int right = 0; right < b_pieces; right++)
        for (int left = 0; left < a_pieces && left + right < kMostPieces; left++) {
          const char *of_a = a + left * kPiece, *of_b = all + right * kPiece;
          for (int q = 0; q < kSide; q++) {
            const __m512bh two[2] = {(__m512bh)_mm512_load_si512(of_b + q * 64),
                                     (__m512bh)_mm512_load_si512(of_b + kTileBytes + q * 64)};
#pragma GCC unroll 8
            for (int i = 0; i < kRows; i++) {
              int32_t pair;
              __builtin_memcpy(&pair, of_a + i * 64 + 4 * q, sizeof(pair));
              const __m512bh one = (__m512bh)_mm512_set1_epi32(pair);
              sum[i][0] = _mm512_dpbf16_ps(sum[i][0], one, two[0]);
              sum[i][1] = _mm512_dpbf16_ps(sum[i][1], one, two[1]);
            }
          }
        }
#pragma GCC unroll 8
    for (int i = 0; i < kRows; i++) {
      _mm512_store_ps(sums + i * kPanel, sum[i][0]);
      _mm512_store_ps(sums + i * kPanel + kSide, sum[i][1]);
    }
  }
};

void multiply(int64_t depth, const Panels &a, const Panels &b, float *c, int64_t ldc, float alpha,
              bool add) {
  each_panel<Pairs>(depth, a, b, c, ldc, alpha, add);
}

} // namespace

Table with_pairs(const Table &table) {
  Table t = with_pairs_packed(table, "avx512, pairs of bfloat16");
  t.multiply = multiply;
  return t;
}

} // namespace anneal::gemm
