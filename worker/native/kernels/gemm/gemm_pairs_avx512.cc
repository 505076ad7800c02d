// Products of bfloat16 by AVX-512's dot products of pairs (AVX512_BF16), in panels of pair_panels.h.
#include "gemm_pairs.h"
#include "pair_panels.h"

namespace anneal::gemm {
namespace {

#define ANNEAL_PAIRS __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")))

constexpr int kRows = 8; // of A at a time: 16 sums

ANNEAL_PAIRS void some_rows(int64_t depth, const char *a, int a_pieces, const char *b, int b_pieces,
                            float *sums) {
  __m512 sum[kRows][2];
#pragma GCC unroll 8
  for (int i = 0; i < kRows; i++)
    sum[i][0] = sum[i][1] = _mm512_setzero_ps();
  constexpr int64_t kPiece = 2 * kTileBytes;
  for (int64_t k = 0; k < depth; k += kDeep, a += a_pieces * kPiece, b += b_pieces * kPiece)
    for (int right = 0; right < b_pieces; right++)
      for (int left = 0; left < a_pieces && left + right < kMostPieces; left++) {
        const char *of_a = a + left * kPiece, *of_b = b + right * kPiece;
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

void multiply(int64_t depth, const Panels &a, const Panels &b, float *c, int64_t ldc, float alpha,
              bool add) {
  alignas(64) float sums[kPanel * kPanel];
  for (int64_t j = 0; j < b.count; j += kPanel) {
    const int64_t columns = b.count - j < kPanel ? b.count - j : kPanel;
    const char *right = reinterpret_cast<const char *>(b.data + j / kPanel * b.stride);
    for (int64_t i = 0; i < a.count; i += kPanel) {
      const int64_t rows = a.count - i < kPanel ? a.count - i : kPanel;
      const char *left = reinterpret_cast<const char *>(a.data + i / kPanel * a.stride);
      // Lines 0 to 15 of a panel lie in its first tile, the others in its second.
      for (int64_t r = 0; r < rows; r += kRows)
        some_rows(depth, left + r / kSide * kTileBytes + r % kSide * 64, a.bytes / 2, right, b.bytes / 2,
                  sums + r * kPanel);
      finish(sums, rows, columns, c + i * ldc + j, ldc, alpha, add);
    }
  }
}

} // namespace

Table with_pairs(const Table &table) {
  Table t = with_pairs_packed(table, "avx512, pairs of bfloat16");
  t.multiply = multiply;
  return t;
}

} // namespace anneal::gemm
