// What one instruction set offers to the blocked product: the sizes of its register tile and the
// functions on packed panels. No torch and no standard library here, because this header is
// compiled once per instruction set and an inline function built with AVX-512 must not serve other
// objects.
#pragma once
#include <cstdint>

namespace anneal::gemm {

// How a matrix lies in memory. Each is one Reader in gemm_read.h and one line in the tables at the
// end of gemm_kernels.h. kCode8 are whole numbers of 8 bits, kFloat8 is e4m3; what they are
// multiplied with is the alpha of the product. What is quantised (../quantized/layout.h) can only
// be B of a product. It is read as the float32 values that it stands for or, from kNF4Rounded on,
// as those rounded to bfloat16: beside operands in bfloat16 the rest would cost three products
// where one does (gemm_amx.h).
enum class Storage : int {
  kFloat32 = 0,
  kBFloat16 = 1,
  kCode8 = 2,
  kFloat8 = 3,
  kNF4 = 4,
  kNF4Double = 5,
  kInt8 = 6,
  kInt4 = 7,
  kInt3 = 8,
  kInt2 = 9,
  kNF4Rounded = 10,
  kNF4DoubleRounded = 11,
  kInt8Rounded = 12,
  kInt4Rounded = 13,
  kInt3Rounded = 14,
  kInt2Rounded = 15
};
constexpr int kStorages = 16;
constexpr int kDenseStorages = 4;
constexpr int kRoundedStorages = 10; // the first of them

// Stored rows of `ld` values each; a value is reached as (row, column). Of a quantised matrix
// `data` is its header, which knows its rows.
struct Stored {
  const void *data;
  int64_t ld;
  bool rounded = false;
};

// The end of a product: out = round(sum + bias + residual), row by row.
struct Finish {
  void *out;
  int64_t out_ld;
  Storage out_storage;
  const void *bias; // one value a column, or null
  Storage bias_storage;
  const void *residual; // like out, or null; may be out itself
  int64_t residual_ld;
  Storage residual_storage;
};

// Which dimension of a stored operand is contiguous: the depth (x in x W^T, and W there), so
// packing transposes, or the other one (W in dy W), so packing copies.
enum class Layout : int { kDepthInner = 0, kDepthOuter = 1 };
constexpr int kLayouts = 2;

// Packs rows of A (or columns of B) [first, first + count), values [from, from + depth) of the
// depth, as panels of one register tile with the depth outermost; panel p starts at to + p *
// stride. Short panels are filled up with zeros, where the product reads them. Nothing behind the
// last panel is written.
using Pack = void (*)(Stored s, int64_t first, int64_t count, int64_t from, int64_t depth,
                      float *to, int64_t stride);

// Stored rows that are packed after the columns in hand: prefetched while tiles compute.
struct PackedNext {
  const char *data = nullptr; // null: nothing is prefetched
  int64_t ld = 0;             // bytes from a row to the next
  int64_t bytes = 0;          // of each row
};

// Packed rows or columns: `count` of them, in panels that are `stride` floats apart.
struct Panels {
  const float *data;
  int64_t stride, count;
  int bytes; // Table::bytes of what was packed
  PackedNext next{};
};

struct Table {
  const char *name;
  int rows;    // of a register tile
  int columns; // of a register tile
  int depth;   // at most so much of the depth at a time: a panel of B stays in the first cache
  int unit;    // of the depth: packed values are filled up with zeros to a multiple of it
  int bytes[kStorages]; // of a packed value, by how it was stored

  // Packed rows times packed columns: c = alpha * product, or c += alpha * product.
  void (*multiply)(int64_t depth, const Panels &a, const Panels &b, float *c, int64_t ldc,
                   float alpha, bool add);
  // alpha * product rounded to bfloat16, of operands that are a single block of the depth; may be
  // null.
  void (*multiply_rounded)(int64_t depth, const Panels &a, const Panels &b, uint16_t *c,
                           int64_t ldc, float alpha, bool add);
  Pack pack_a[kLayouts][kDenseStorages];
  Pack pack_b[kLayouts][kStorages];

  void (*finish)(const float *sum, int64_t sum_ld, int64_t rows, int64_t columns,
                 const Finish &finish);

  // y[t, o] for at most kFewRows rows t: products of float32 rows of x with stored rows
  // [column, column + column_count) of W, for decoding: W is read once and never packed.
  void (*few_rows[kStorages])(Stored w, int64_t column, int64_t column_count, const float *x,
                              int64_t x_ld, int64_t rows, int64_t depth, float *y, int64_t y_ld);
  // Rows from `first` on as float32, one behind the other.
  void (*widen[kStorages])(Stored s, int64_t first, int64_t rows, int64_t columns, float *to);
};

constexpr int64_t kFewRows = 8;

extern const Table kPortable;
extern const Table kAvx2;
extern const Table kAvx512;

} // namespace anneal::gemm
