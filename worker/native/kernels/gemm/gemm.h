// Our own matrix product for the CPU: C = alpha * (A1 B1 + A2 B2 + ...) (+ C) (+ bias) (+
// residual), with float32 sums whatever the operands are stored as. Operands are converted to
// float32 while they are packed for the cache, so a bfloat16 (or, later, quantised) weight is never
// widened as a whole, and several products can end in one rounding: x W^T + t B^T of LoRA is one
// pass over y.
//
// Two steps, so that one packed operand serves several products (q, k and v read the same x):
//
//   PackedRows x(matrix, from_row, rows);         // A, packed once
//   multiply({{{&x, weight}}, out});              // any number of times
//
// Bits do not depend on the number of threads: each element is summed by one thread in the order of
// the depth, cut at places that depend on the depth alone.
#pragma once
#include "gemm_table.h"
#include <cstddef>
#include <functional>
#include <vector>

namespace anneal::gemm {

// The table for this machine, and the one whose tiles multiply what is stored so.
const Table &table();
const Table &table_for(Storage storage);

// An operand: `rows` x `columns` values. `transposed` says that memory holds columns x rows.
struct Matrix {
  const void *data;
  int64_t rows, columns;
  int64_t ld; // distance of two stored rows, in values
  Storage storage;
  bool transposed = false;
};

// Memory that outlives one product: pieces are kept by the calling thread up to a few megabytes.
class Scratch {
public:
  explicit Scratch(size_t floats);
  ~Scratch();
  Scratch(Scratch &&other) noexcept : data_(other.data_), floats_(other.floats_) {
    other.data_ = nullptr;
  }
  Scratch &operator=(Scratch &&) = delete;
  float *data() const { return data_; }

private:
  float *data_;
  size_t floats_;
};

// Rows [from, from + rows) of A as panels for the register tile, all of the depth.
class PackedRows {
public:
  PackedRows(const Matrix &a, int64_t from, int64_t rows);
  int64_t rows() const { return rows_; }
  int64_t depth() const { return depth_; }
  const Table &table() const { return table_; }
  // `count` rows from row `row` (a multiple of the tile) on, of depth block `block`.
  Panels at(int64_t block, int64_t row, int64_t count) const;

private:
  const Table &table_;
  int64_t rows_, depth_, padded_;
  int bytes_;
  Scratch scratch_;
};

struct Term {
  const PackedRows *a;
  Matrix b; // depth x columns
  float scale = 1;
};

struct Output {
  void *data; // row 0 is row 0 of the packed rows
  int64_t ld;
  Storage storage;
  float alpha = 1;
  bool accumulate = false; // float32 only
  const void *bias = nullptr;
  Storage bias_storage = Storage::kFloat32;
  const void *residual = nullptr;
  int64_t residual_ld = 0;
  Storage residual_storage = Storage::kFloat32;
};

// A finished piece of C, float32, while it is still in the cache of the thread that made it. Pieces
// begin at multiples of kStrip columns.
struct Piece {
  float *data;
  int64_t ld, row, rows, column, columns;
};
constexpr int64_t kStrip = 96;
using Visit = std::function<void(const Piece &)>;

// Each term by the table of its A. Codes of 8 bits are multiplied with such codes alone. `visit` is
// for float32 outputs without bias or residual; its pieces have whole groups of `together` rows.
void multiply(const std::vector<Term> &terms, int64_t columns, const Output &out,
              const Visit &visit = nullptr, int64_t together = 1);

// alpha A B in pieces of some rows and all columns, for what is done to whole rows: a piece is gone
// after its visit.
void multiply_rows(const Matrix &a, const Matrix &b, float alpha, const Visit &visit);

// How many rows to pack at a time, so that the packed rows stay in the last cache.
int64_t row_block(int64_t rows, int64_t depth, const Table &t = table());

// The whole of it for one product: rows in blocks, few rows without packing.
void product(const Matrix &a, const Matrix &b, const Output &out);

// Values from `row` on; for offsets into outputs and operands.
inline size_t size_of(Storage storage) {
  if (storage == Storage::kCode8 || storage == Storage::kFloat8)
    return 1;
  return storage == Storage::kFloat32 ? 4 : 2;
}
inline const void *at_row(const void *data, int64_t row, int64_t ld, Storage storage) {
  return static_cast<const char *>(data) + row * ld * static_cast<int64_t>(size_of(storage));
}
inline void *at_row(void *data, int64_t row, int64_t ld, Storage storage) {
  return static_cast<char *>(data) + row * ld * static_cast<int64_t>(size_of(storage));
}

} // namespace anneal::gemm
