// Products of whole numbers of 8 bits in AMX tiles, in panels of codes_panels.h.
#include "codes_panels.h"
#include "gemm_codes.h"

namespace anneal::gemm {
namespace {

// One panel of A with one of B: Rows x Columns tiles of sums, tiles 0 to 3; A in 4 and 5, B in 6
// and 7.
template <int Rows, int Columns>
void product(int64_t depth, const char *a, const char *b, int32_t *sums) {
  zero_tiles<Rows, Columns>();
  for (int64_t k = 0; k < depth; k += kDeep, a += 2 * kTileBytes, b += 2 * kTileBytes) {
    _tile_loadd(6, b, 64);
    if constexpr (Columns > 1) _tile_loadd(7, b + kTileBytes, 64);
    _tile_loadd(4, a, 64);
    _tile_dpbssd(0, 4, 6);
    if constexpr (Columns > 1) _tile_dpbssd(1, 4, 7);
    if constexpr (Rows > 1) {
      _tile_loadd(5, a + kTileBytes, 64);
      _tile_dpbssd(2, 5, 6);
      if constexpr (Columns > 1) _tile_dpbssd(3, 5, 7);
    }
  }
  store_tiles<Rows, Columns>(sums, kPanel);
}

using Product = void (*)(int64_t, const char *, const char *, int32_t *);
constexpr Product kProducts[2][2] = {{product<1, 1>, product<1, 2>},
                                     {product<2, 1>, product<2, 2>}};

struct Tiles {
  const char *b;
  Tiles(int64_t, const char *b, int, int) : b(b) {}
  template <class Out>
  void with(int64_t depth, const char *a, int64_t rows, int64_t columns, Out *c, int64_t ldc,
            float alpha, bool add) const {
    alignas(64) int32_t sums[kPanel * kPanel];
    kProducts[rows > kSide][columns > kSide](depth, a, b, sums);
    finish(sums, rows, columns, c, ldc, alpha, add);
  }
};

template <class Out>
void multiply(int64_t depth, const Panels &a, const Panels &b, Out *c, int64_t ldc, float alpha,
              bool add) {
  static constexpr Configuration kTiles;
  _tile_loadconfig(&kTiles);
  each_panel<Tiles>(depth, a, b, c, ldc, alpha, add);
  _tile_release();
}

} // namespace

Table with_amx_codes(const Table &table) {
  Table t = with_codes<0>(table, "amx, 8 bits");
  t.multiply = multiply<float>;
  t.multiply_rounded = multiply<uint16_t>;
  return t;
}

} // namespace anneal::gemm
