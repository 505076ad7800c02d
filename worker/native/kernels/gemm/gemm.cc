// The blocking around the register tile; see gemm.h for what it computes and README.md for the
// measurements behind the sizes below.
//
//   A      : a block of rows packed whole, at most kPackedFloats (last cache)
//   task   : kStrip columns of C and a range of rows; one thread, no neighbour to wait for
//   depth  : in the task, block by block: a block x kStrip values of B are packed (second cache) ...
//   rows   : ... and meet kBlockRows rows of A at a time (second cache), panel by panel (first cache)
#include "gemm.h"
#include "each.h"
#include "gemm_amx.h"
#include "gemm_codes.h"
#include "gemm_pairs.h"
#include "isa.h"
#include <algorithm>
#include <cstdlib>
#include <new>
#include <numeric>

namespace anneal::gemm {
namespace {

constexpr int64_t kPackedFloats = 3 << 19;
constexpr int64_t kBlockRows = 96;
constexpr int64_t kPieceFloats = 3 << 14; // of whole rows, beside the panels in the second cache
// Rows of A up to which the time of a product is that of reading B from memory.
constexpr int64_t kMemoryBoundRows = 48;
constexpr size_t kKeptFloats = 2 << 20; // a larger piece of scratch is given back at once
// The least that a further thread is woken for, some 20 us of work: multiplications, values that
// are packed, values of a weight that few rows read.
constexpr int64_t kLeastProducts = 2 << 20;
constexpr int64_t kLeastPacked = 1 << 15;
constexpr int64_t kLeastRead = 1 << 16;

int64_t round_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }
int64_t divide_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit; }

// How many threads so much work is for.
int64_t threads_for(int64_t work, int64_t least) {
  return std::clamp<int64_t>(work / least, 1, at::get_num_threads());
}

// Cuts `depth` into equal blocks, at places that depend on nothing else.
struct DepthBlocks {
  int64_t depth, count, size;
  DepthBlocks(const Table &t, int64_t depth)
      : depth(depth), count(std::max<int64_t>(1, divide_up(depth, t.depth))),
        size(round_up(divide_up(depth, count), std::max(8, t.unit))) {}
  int64_t from(int64_t block) const { return std::min(depth, block * size); }
  int64_t length(int64_t block) const { return from(block + 1) - from(block); }
};

// Floats of a panel of `width` rows or columns.
int64_t panel_floats(const Table &t, int64_t width, int64_t depth, int bytes) {
  return width * round_up(depth, t.unit) * bytes / 4;
}

float *allocate(size_t floats) {
  void *memory = std::aligned_alloc(4096, round_up(static_cast<int64_t>(floats) * 4 + 4, 4096));
  if (!memory)
    throw std::bad_alloc();
  return static_cast<float *>(memory);
}

struct Kept {
  struct Piece {
    float *data;
    size_t floats;
  };
  std::vector<Piece> pieces;
  ~Kept() {
    for (const Piece &piece : pieces)
      std::free(piece.data);
  }
};

Kept &kept() {
  static thread_local Kept pieces;
  return pieces;
}

Stored stored(const Matrix &m) {
  return {m.data, m.ld, static_cast<int>(m.storage) >= kRoundedStorages};
}

Layout layout(bool depth_contiguous) {
  return depth_contiguous ? Layout::kDepthInner : Layout::kDepthOuter;
}

} // namespace

const Table &table() {
#if defined(__x86_64__)
  // What makes these tables is compiled for the processors that have a use for them, and must not
  // run on others.
  if (isa() == Isa::kAmx) {
    static const Table amx = with_amx(kAvx512);
    return amx;
  }
  return isa() == Isa::kAvx512 ? kAvx512 : isa() == Isa::kAvx2 ? kAvx2 : kPortable;
#else
  return kPortable;
#endif
}

const Table &table_for(Storage storage) {
#if defined(__x86_64__)
  if (storage == Storage::kCode8 && isa() == Isa::kAmx) {
    static const Table tiles = with_amx_codes(kAvx512);
    return tiles;
  }
  static const bool has_byte_products = __builtin_cpu_supports("avx512vnni");
  if (storage == Storage::kCode8 && isa() == Isa::kAvx512 && has_byte_products) {
    static const Table bytes = with_byte_products(kAvx512);
    return bytes;
  }
  // e4m3 is exact in bfloat16.
  const bool in_pairs = storage == Storage::kBFloat16 || storage == Storage::kFloat8;
  static const bool has_pairs = __builtin_cpu_supports("avx512bf16");
  if (in_pairs && isa() == Isa::kAvx512 && has_pairs) {
    static const Table pairs = with_pairs(kAvx512);
    return pairs;
  }
#else
  (void)storage;
#endif
  return table();
}

Scratch::Scratch(size_t floats) : floats_(floats) {
  auto &pieces = kept().pieces;
  auto best = pieces.end();
  for (auto piece = pieces.begin(); piece != pieces.end(); ++piece)
    if (piece->floats >= floats && (best == pieces.end() || piece->floats < best->floats))
      best = piece;
  if (best != pieces.end()) {
    data_ = best->data;
    floats_ = best->floats;
    pieces.erase(best);
    return;
  }
  if (!pieces.empty() && floats <= kKeptFloats) { // grow one instead of keeping both
    std::free(pieces.back().data);
    pieces.pop_back();
  }
  data_ = allocate(floats);
}

Scratch::~Scratch() {
  if (!data_)
    return;
  if (floats_ > kKeptFloats)
    std::free(data_);
  else
    kept().pieces.push_back({data_, floats_});
}

PackedRows::PackedRows(const Matrix &a, int64_t from, int64_t rows)
    : table_(table_for(a.storage)), rows_(rows), depth_(a.columns),
      padded_(round_up(rows, table_.rows)), bytes_(table_.bytes[static_cast<int>(a.storage)]),
      scratch_(static_cast<size_t>(panel_floats(table_, padded_, a.columns, bytes_))) {
  const Table &t = table_;
  const DepthBlocks blocks(t, depth_);
  const Pack pack = t.pack_a[static_cast<int>(layout(!a.transposed))][static_cast<int>(a.storage)];
  const int64_t group = round_up(48, t.rows);
  const int64_t groups = divide_up(rows, group);
  each(groups * blocks.count, 1, [&](int64_t task, int64_t) {
    const int64_t block = task / groups, row = task % groups * group;
    const int64_t length = blocks.length(block);
    const Panels panels = at(block, row, std::min(group, rows - row));
    pack(stored(a), from + row, panels.count, blocks.from(block), length,
         const_cast<float *>(panels.data), panels.stride);
  }, threads_for(rows * depth_, kLeastPacked));
}

Panels PackedRows::at(int64_t block, int64_t row, int64_t count) const {
  const DepthBlocks blocks(table_, depth_);
  const int64_t before = panel_floats(table_, padded_, blocks.from(block), bytes_);
  const int64_t length = blocks.length(block);
  return {scratch_.data() + before + panel_floats(table_, row, length, bytes_),
          panel_floats(table_, table_.rows, length, bytes_), count, bytes_};
}

namespace {

const void *at_column(const void *data, int64_t column, Storage storage) {
  return data ? at_row(data, 1, column, storage) : nullptr;
}

// The finishing step of rows from `row` and columns from `column` on.
Finish finish_of(const Output &out, int64_t row, int64_t column) {
  Finish f{};
  f.out = const_cast<void *>(
      at_column(at_row(const_cast<const void *>(out.data), row, out.ld, out.storage), column,
                out.storage));
  f.out_ld = out.ld;
  f.out_storage = out.storage;
  f.bias = at_column(out.bias, column, out.bias_storage);
  f.bias_storage = out.bias_storage;
  f.residual = out.residual ? at_column(at_row(out.residual, row, out.residual_ld,
                                               out.residual_storage),
                                        column, out.residual_storage)
                            : nullptr;
  f.residual_ld = out.residual_ld;
  f.residual_storage = out.residual_storage;
  return f;
}

bool direct(const Output &out) {
  return out.storage == Storage::kFloat32 && !out.bias && !out.residual;
}

// Whether the sums of one panel with another are all that is rounded to a value of C.
bool rounded(const std::vector<Term> &terms, const Output &out) {
  const Table &t = terms[0].a->table();
  return t.multiply_rounded && terms.size() == 1 && terms[0].a->depth() <= t.depth &&
         out.storage == Storage::kBFloat16 && !out.bias && !out.residual;
}

// A range of rows and columns of C: what one thread computes.
struct Task {
  int64_t row, rows, column, columns;
};

// What `sum` packs after this block of the depth: the next one, or the first of the next columns.
PackedNext packed_next(const Term &term, const DepthBlocks &blocks, int64_t block, const Task &task) {
  const Matrix &b = term.b;
  const bool is_dense = b.storage == Storage::kFloat32 || b.storage == Storage::kBFloat16;
  if (!b.transposed || !is_dense || task.rows > kMemoryBoundRows)
    return {};
  const bool goes_on = block + 1 < blocks.count;
  const int64_t row = goes_on ? task.column : task.column + task.columns;
  if (row >= b.columns)
    return {};
  const int64_t size = b.storage == Storage::kFloat32 ? 4 : 2;
  const int64_t next = goes_on ? block + 1 : 0;
  const char *data = static_cast<const char *>(b.data) + (row * b.ld + blocks.from(next)) * size;
  return {data, b.ld * size, blocks.length(next) * size};
}

// Adds all terms up in c by one of a Table's functions. B is packed here, by the thread that needs
// it, straight into its cache.
template <class Multiply, class Out>
void sum(const std::vector<Term> &terms, Multiply Table::*multiply, const Task &task, Out *c,
         int64_t ldc, float alpha, bool add) {
  for (const Term &term : terms) {
    const Table &t = term.a->table();
    const DepthBlocks blocks(t, term.a->depth());
    const int bytes = t.bytes[static_cast<int>(term.b.storage)];
    const int64_t width = round_up(task.columns, t.columns);
    const int64_t block_rows = bytes == 1 ? 4 * kBlockRows : kBlockRows; // codes are small
    const Scratch strip(static_cast<size_t>(panel_floats(t, width, blocks.size, bytes)));
    const Pack pack = t.pack_b[static_cast<int>(layout(term.b.transposed))]
                              [static_cast<int>(term.b.storage)];
    for (int64_t block = 0; block < blocks.count; block++, add = true) {
      const int64_t depth = blocks.length(block);
      const Panels b{strip.data(), panel_floats(t, t.columns, depth, bytes), task.columns, bytes,
                     packed_next(term, blocks, block, task)};
      pack(stored(term.b), task.column, task.columns, blocks.from(block), depth, strip.data(),
           b.stride);
      for (int64_t row = 0; row < task.rows; row += block_rows) {
        const Panels a = term.a->at(block, task.row + row, std::min(block_rows, task.rows - row));
        (t.*multiply)(depth, a, b, c + row * ldc, ldc, alpha * term.scale, add);
      }
    }
  }
}

} // namespace

void multiply(const std::vector<Term> &terms, int64_t columns, const Output &out,
              const Visit &visit, int64_t together) {
  const int64_t rows = terms[0].a->rows();
  if (rows == 0 || columns == 0)
    return;
  int64_t panel = together, width = 1, depth = 0;
  for (const Term &term : terms) {
    depth += term.a->depth();
    panel = std::lcm(panel, term.a->table().rows);
    width = std::max<int64_t>(width, term.a->table().columns);
  }
  const int64_t strip = std::min(round_up(columns, width), kStrip);
  const int64_t strips = divide_up(columns, strip);
  const int64_t threads = threads_for(rows * columns * depth, kLeastProducts);
  const int64_t wanted = threads == 1 ? 1 : 3 * threads;
  const int64_t cuts = std::clamp<int64_t>(divide_up(wanted, strips), 1, divide_up(rows, kBlockRows));
  const int64_t range = round_up(divide_up(rows, cuts), panel);
  each(strips * divide_up(rows, range), 1, [&](int64_t number, int64_t) {
    Task task{};
    task.row = number / strips * range;
    task.rows = std::min(range, rows - task.row);
    task.column = number % strips * strip;
    task.columns = std::min(strip, columns - task.column);
    const Finish end = finish_of(out, task.row, task.column);
    if (direct(out)) {
      float *c = static_cast<float *>(end.out);
      sum(terms, &Table::multiply, task, c, out.ld, out.alpha, out.accumulate);
      if (visit)
        visit({c, out.ld, task.row, task.rows, task.column, task.columns});
      return;
    }
    if (rounded(terms, out))
      return sum(terms, &Table::multiply_rounded, task, static_cast<uint16_t *>(end.out), out.ld,
                 out.alpha, false);
    const Scratch sums(static_cast<size_t>(task.rows * strip));
    sum(terms, &Table::multiply, task, sums.data(), strip, out.alpha, false);
    table().finish(sums.data(), strip, task.rows, task.columns, end);
  }, threads);
}

void multiply_rows(const Matrix &a, const Matrix &b, float alpha, const Visit &visit) {
  if (a.rows == 0 || b.columns == 0)
    return;
  const Table &t = table_for(a.storage);
  const DepthBlocks blocks(t, a.columns);
  const int64_t columns = b.columns, width = round_up(columns, t.columns);
  const int a_bytes = t.bytes[static_cast<int>(a.storage)], b_bytes = t.bytes[static_cast<int>(b.storage)];
  const Pack pack_a = t.pack_a[static_cast<int>(layout(!a.transposed))][static_cast<int>(a.storage)];
  const Pack pack_b = t.pack_b[static_cast<int>(layout(b.transposed))][static_cast<int>(b.storage)];
  const Scratch packed(static_cast<size_t>(panel_floats(t, width, a.columns, b_bytes)));
  const auto panels = [&](int64_t block, int64_t column, int64_t count) {
    const int64_t before = panel_floats(t, width, blocks.from(block), b_bytes);
    const int64_t length = blocks.length(block), stride = panel_floats(t, t.columns, length, b_bytes);
    return Panels{packed.data() + before + panel_floats(t, column, length, b_bytes), stride, count, b_bytes};
  };
  const int64_t strips = divide_up(columns, kStrip);
  each(strips * blocks.count, 1, [&](int64_t task, int64_t) {
    const int64_t block = task / strips, column = task % strips * kStrip;
    const Panels to = panels(block, column, std::min(kStrip, columns - column));
    pack_b(stored(b), column, to.count, blocks.from(block), blocks.length(block), const_cast<float *>(to.data), to.stride);
  });
  const int64_t range = round_up(std::clamp<int64_t>(kPieceFloats / columns, 1, kBlockRows), t.rows);
  each(divide_up(a.rows, range), 1, [&](int64_t task, int64_t) {
    const int64_t row = task * range, rows = std::min(range, a.rows - row);
    const Scratch sums(static_cast<size_t>(rows * width));
    const Scratch left(static_cast<size_t>(panel_floats(t, range, blocks.size, a_bytes)));
    for (int64_t block = 0; block < blocks.count; block++) {
      const int64_t length = blocks.length(block);
      const Panels of_a{left.data(), panel_floats(t, t.rows, length, a_bytes), rows, a_bytes};
      pack_a(stored(a), row, rows, blocks.from(block), length, left.data(), of_a.stride);
      t.multiply(length, of_a, panels(block, 0, columns), sums.data(), width, alpha, block > 0);
    }
    visit({sums.data(), width, row, rows, 0, columns});
  });
}

int64_t row_block(int64_t rows, int64_t depth, const Table &t) {
  const int64_t unit = t.rows;
  const int64_t most = std::max<int64_t>(kBlockRows, kPackedFloats / std::max<int64_t>(1, depth));
  const int64_t blocks = std::max<int64_t>(1, divide_up(rows, most));
  return round_up(divide_up(rows, blocks), unit);
}

namespace {

// At most kFewRows rows of x times a weight stored as columns x depth: W is read once, unpacked.
bool few(const Matrix &a, const Matrix &b, const Output &out) {
  if (a.rows > kFewRows || a.transposed || !b.transposed || out.accumulate)
    return false;
  const Table &t = table();
  const int64_t depth = a.columns, columns = b.columns;
  const bool wide = a.storage == Storage::kFloat32;
  const Scratch widened(static_cast<size_t>(wide ? 0 : a.rows * depth));
  if (!wide)
    t.widen[static_cast<int>(a.storage)](stored(a), 0, a.rows, depth, widened.data());
  const float *x = wide ? static_cast<const float *>(a.data) : widened.data();
  const Scratch y(static_cast<size_t>(a.rows * columns));
  const int64_t group = 64;
  each(divide_up(columns, group), 1, [&](int64_t task, int64_t) {
    const int64_t column = task * group, count = std::min(group, columns - column);
    t.few_rows[static_cast<int>(b.storage)](stored(b), column, count, x, wide ? a.ld : depth,
                                            a.rows, depth, y.data() + column, columns);
    for (int64_t row = 0; out.alpha != 1 && row < a.rows; row++)
      for (int64_t i = 0; i < count; i++)
        y.data()[row * columns + column + i] *= out.alpha;
    t.finish(y.data() + column, columns, a.rows, count, finish_of(out, 0, column));
  }, threads_for(columns * depth, kLeastRead));
  return true;
}

} // namespace

void product(const Matrix &a, const Matrix &b, const Output &out) {
  if (a.rows == 0 || b.columns == 0 || few(a, b, out))
    return;
  for (int64_t row = 0, block = row_block(a.rows, a.columns, table_for(a.storage)); row < a.rows; row += block) {
    const PackedRows rows(a, row, std::min(block, a.rows - row));
    Output part = out;
    part.data = at_row(out.data, row, out.ld, out.storage);
    if (out.residual)
      part.residual = at_row(out.residual, row, out.residual_ld, out.residual_storage);
    multiply({{&rows, b}}, b.columns, part);
  }
}

} // namespace anneal::gemm
