// Products of whole numbers of 8 bits by AVX-512's dot products of bytes (VNNI), in panels of
// codes_panels.h. The instruction takes bytes without a sign on one side: A is packed with 128
// added to each, and 128 times the sum of B is taken off in the end.
#include "codes_panels.h"
#include "gemm_codes.h"

namespace anneal::gemm {
namespace {

#define ANNEAL_VNNI __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")))

constexpr int kRows = 8; // of A at a time: 16 sums

class Bytes {
public:
  ANNEAL_VNNI Bytes(int64_t depth, const char *b, int, int) : b_(b) {
    const __m512i shift = _mm512_set1_epi8(static_cast<char>(0x80));
    __m512i sum[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
    for (int64_t k = 0; k < depth; k += kDeep, b += 2 * kTileBytes)
      for (int q = 0; q < kSide; q++) {
        sum[0] = _mm512_dpbusd_epi32(sum[0], shift, _mm512_load_si512(b + q * 64));
        sum[1] = _mm512_dpbusd_epi32(sum[1], shift, _mm512_load_si512(b + kTileBytes + q * 64));
      }
    _mm512_store_si512(off_, sum[0]);
    _mm512_store_si512(off_ + kSide, sum[1]);
  }

  template <class Out>
  ANNEAL_VNNI void with(int64_t depth, const char *panel, int64_t rows, int64_t columns, Out *c,
                        int64_t ldc, float alpha, bool add) const {
    for (int64_t row = 0; row < rows; row += kRows, c += kRows * ldc) {
      // Lines 0 to 15 of a panel lie in its first tile, the others in its second.
      const char *a = panel + row / kSide * kTileBytes + row % kSide * 64, *b = b_;
      __m512i sum[kRows][2];
#pragma GCC unroll 8
      for (int i = 0; i < kRows; i++)
        sum[i][0] = sum[i][1] = _mm512_setzero_si512();
      for (int64_t k = 0; k < depth; k += kDeep, a += 2 * kTileBytes, b += 2 * kTileBytes)
        for (int q = 0; q < kSide; q++) {
          const __m512i right[2] = {_mm512_load_si512(b + q * 64),
                                    _mm512_load_si512(b + kTileBytes + q * 64)};
#pragma GCC unroll 8
          for (int i = 0; i < kRows; i++) {
            int32_t four;
            __builtin_memcpy(&four, a + i * 64 + 4 * q, sizeof(four));
            const __m512i left = _mm512_set1_epi32(four);
            sum[i][0] = _mm512_dpbusd_epi32(sum[i][0], left, right[0]);
            sum[i][1] = _mm512_dpbusd_epi32(sum[i][1], left, right[1]);
          }
        }
      const __m512i off[2] = {_mm512_load_si512(off_), _mm512_load_si512(off_ + kSide)};
      const __mmask16 lanes[2] = {first(columns), first(columns - kSide)};
#pragma GCC unroll 8
      for (int i = 0; i < kRows; i++)
        for (int j = 0; j < 2 && row + i < rows; j++)
          put(c + i * ldc + j * kSide, lanes[j], _mm512_set1_ps(alpha),
              as_floats(_mm512_sub_epi32(sum[i][j], off[j])), add);
    }
  }

private:
  const char *b_;
  alignas(64) int32_t off_[kPanel]; // 128 times the sums of its columns
};

template <class Out>
void multiply(int64_t depth, const Panels &a, const Panels &b, Out *c, int64_t ldc, float alpha,
              bool add) {
  each_panel<Bytes>(depth, a, b, c, ldc, alpha, add);
}

} // namespace

Table with_byte_products(const Table &table) {
  Table t = with_codes<0x80>(table, "avx512, 8 bits");
  t.multiply = multiply<float>;
  t.multiply_rounded = multiply<uint16_t>;
  return t;
}

} // namespace anneal::gemm
