// gemm_amx.h, in panels of pair_panels.h.
#include "gemm_amx.h"
#include "pair_panels.h"

namespace anneal::gemm {
namespace {

// One panel of A with one of B: Rows x Columns tiles of sums, tiles 0 to 3; A in 4 and 5, B in 6
// and 7.
template <int Rows, int Columns>
void product(int64_t depth, const char *a, int a_pieces, const char *b, int b_pieces, float *c,
             int64_t ldc) {
  zero_tiles<Rows, Columns>();
  const int64_t a_step = a_pieces * 2 * kTileBytes, b_step = b_pieces * 2 * kTileBytes;
  for (int64_t k = 0; k < depth; k += kDeep, a += a_step, b += b_step) {
    for (int q = 0; q < b_pieces; q++) {
      const char *right = b + q * 2 * kTileBytes;
      _tile_loadd(6, right, 64);
      if constexpr (Columns > 1) _tile_loadd(7, right + kTileBytes, 64);
      for (int p = 0; p < a_pieces && p + q < kMostPieces; p++) {
        const char *left = a + p * 2 * kTileBytes;
        _tile_loadd(4, left, 64);
        _tile_dpbf16ps(0, 4, 6);
        if constexpr (Columns > 1) _tile_dpbf16ps(1, 4, 7);
        if constexpr (Rows > 1) {
          _tile_loadd(5, left + kTileBytes, 64);
          _tile_dpbf16ps(2, 5, 6);
          if constexpr (Columns > 1) _tile_dpbf16ps(3, 5, 7);
        }
      }
    }
  }
  store_tiles<Rows, Columns>(c, ldc);
}

using Product = void (*)(int64_t, const char *, int, const char *, int, float *, int64_t);
constexpr Product kProducts[2][2] = {{product<1, 1>, product<1, 2>},
                                     {product<2, 1>, product<2, 2>}};

void multiply(int64_t depth, const Panels &a, const Panels &b, float *c, int64_t ldc, float alpha,
              bool add) {
  static constexpr Configuration kTiles;
  _tile_loadconfig(&kTiles);
  alignas(64) float sums[kPanel * kPanel];
  for (int64_t j = 0; j < b.count; j += kPanel) {
    const int64_t columns = b.count - j < kPanel ? b.count - j : kPanel;
    const char *right = reinterpret_cast<const char *>(b.data + j / kPanel * b.stride);
    for (int64_t i = 0; i < a.count; i += kPanel) {
      const int64_t rows = a.count - i < kPanel ? a.count - i : kPanel;
      const char *left = reinterpret_cast<const char *>(a.data + i / kPanel * a.stride);
      const Product run = kProducts[rows > kSide][columns > kSide];
      float *to = c + i * ldc + j;
      // Nothing is read or written beside C, and how many rows there are changes no bit of one.
      if (!add && alpha == 1 && rows % kSide == 0 && columns % kSide == 0) {
        run(depth, left, a.bytes / 2, right, b.bytes / 2, to, ldc);
      } else {
        run(depth, left, a.bytes / 2, right, b.bytes / 2, sums, kPanel);
        finish(sums, rows, columns, to, ldc, alpha, add);
      }
    }
  }
  _tile_release();
}

} // namespace

Table with_amx(const Table &table) {
  Table t = with_pairs_packed(table, "amx");
  t.multiply = multiply;
  return t;
}

} // namespace anneal::gemm
