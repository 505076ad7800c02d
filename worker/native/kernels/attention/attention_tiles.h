// Flash attention over one block of queries (forward) or keys (backward) of one document.
//
// D head size · R query rows of a block · C keys of a block · r, c rows and keys inside their blocks
//
// Forward keeps scores transposed, S[c, r] = K Q^T: keys are only broadcast, so the query block is
// transposed once and no key tile ever is, and maximum and sum run over rows of vectors without a
// horizontal step. Backward walks query blocks for one key block and keeps S[r, c] for the same reason.
//
// With `shift` = first query - first key of a pair of blocks, key c is allowed for row r when
// c <= r + shift and, with a window, c > r + shift - window. Scores are kept as log2: the scale and
// log2(e) are multiplied into the transposed operand once.
//
// Policy: float64, float32 or bfloat16 in memory, arithmetic in float64 or float32; dk and dv of a key block
// belong to one task, dq of a query block is added to in ascending order of key blocks. So every bit of the result
// is independent of the number of threads, and of what else is in the bin.
#pragma once

#include <sched.h>

#include "../simd/simd.h"
#include "../simd/tile_product.h"
#include "tiles.h"

namespace anneal::attention::ANNEAL_ISA {

using namespace simd::ANNEAL_ISA;

constexpr double kLog2E = 1.44269504088896340736;
constexpr double kLn2 = 0.69314718055994530942;

inline int least(int a, int b) { return a < b ? a : b; }
inline int most(int a, int b) { return a > b ? a : b; }

// Allowed keys of one pair of blocks.
struct Band {
  int shift;
  int window;
  int rows;
  int keys;

  int first_key(int row) const {
    return window == 0 ? 0 : least(keys, most(0, row + shift - window + 1));
  }
  int end_key(int row) const { return most(0, least(keys, row + shift + 1)); }
  Span keys_of(int row, int end) const { return {first_key(row), end_key(end - 1)}; }
  Span rows_of(int key, int end) const {
    const int last = window == 0 ? rows : least(rows, end - 1 - shift + window);
    return {most(0, key - shift), last};
  }
  bool touches(int row, int row_end, int key, int key_end) const {
    return key <= row_end - 1 + shift && (window == 0 || key_end - 1 > row + shift - window);
  }
  bool is_full() const { return keys - 1 <= shift && (window == 0 || rows - 1 + shift - window < 0); }
};

template <class T, class S>
void copy_rows(const T* from, int64_t stride, int rows, int size, S* to, int ld) {
  const int whole = size / kLanes<S> * kLanes<S>;
  const int end = round_up(size, kPanel<S>);
  for (int r = 0; r < rows; ++r) {
    const T* source = from + r * stride;
    S* target = to + r * ld;
    for (int d = 0; d < whole; d += kLanes<S>) store(target + d, load(source + d));
    for (int d = whole; d < size; ++d) target[d] = widen(source[d]);
    for (int d = size; d < end; ++d) target[d] = 0;
  }
}

// to[d, r] = factor * from[r, d]; columns up to the whole panel are zero.
template <class T, class S>
void copy_transposed(const T* from, int64_t stride, int rows, int size, S factor, S* to, int ld) {
  constexpr int lanes = kLanes<S>;
  for (int r = 0; r < round_up(rows, kPanel<S>); r += lanes) {
    for (int d = 0; d < size; d += lanes) {
      const int width = least(lanes, size - d);
      Vec<S> x[lanes];
      for (int i = 0; i < lanes; ++i) {
        const T* source = from + (r + i) * stride + d;
        x[i] = r + i >= rows ? Vec<S>{} : width == lanes ? load(source) : load_part(source, width);
      }
      transpose<S>(x);
      for (int i = 0; i < width; ++i) store(to + (d + i) * ld + r, x[i] * factor);
    }
  }
}

template <class T, class S>
void write_row(const S* from, S factor, int size, T* to) {
  const int whole = size / kLanes<S> * kLanes<S>;
  for (int d = 0; d < whole; d += kLanes<S>) store(to + d, load(from + d) * factor);
  if (whole < size) store_part(to + whole, load(from + whole) * factor, size - whole);
}

// What the operand beside keys is multiplied with, and what turns the product into log2 of a weight.
template <class S>
struct Scores {
  S factor;
  S cap;  // cap * log2(e), or 0

  explicit Scores(const Problem& p)
      : factor(static_cast<S>(p.cap > 0 ? p.scale / p.cap : p.scale * kLog2E)),
        cap(static_cast<S>(p.cap > 0 ? p.cap * kLog2E : 0)) {}
};

template <class S>
struct ForwardScratch {
  int ld_size, ld_rows;
  S *q, *k, *v, *weights, *out, *maximum, *total, *rescale;

  ForwardScratch(const Problem& p, int heads, void* memory)
      : ld_size(padded<S>(p.size)), ld_rows(padded<S>(p.block)) {
    S* next = static_cast<S*>(memory);
    auto take = [&next](int64_t n) { return next += n, next - n; };
    q = take(static_cast<int64_t>(heads) * p.size * ld_rows);
    k = take(static_cast<int64_t>(p.block) * ld_size);
    v = take(static_cast<int64_t>(p.block) * ld_size);
    weights = take(static_cast<int64_t>(p.block) * ld_rows);
    out = take(static_cast<int64_t>(heads) * p.block * ld_size);
    maximum = take(static_cast<int64_t>(heads) * ld_rows);
    total = take(static_cast<int64_t>(heads) * ld_rows);
    rescale = take(ld_rows);
    bytes = (next - static_cast<S*>(memory)) * static_cast<int64_t>(sizeof(S));
  }
  int64_t bytes;
};

// Scores of one panel of rows → weights, with the running maximum and sum. Masked weights become exactly 0.
template <class S>
ANNEAL_INLINE void soften_panel(const Band& band, S cap, int row, S* weights, int ld, S* maximum,
                                S* total, S* rescale) {
  using V = Vec<S>;
  constexpr int lanes = kLanes<S>;
  const V lowest = splat(static_cast<S>(-INFINITY));
  V lane = {};
  for (int i = 0; i < lanes; ++i) lane[i] = static_cast<S>(i);
  const bool edge = !band.is_full();
  const Span keys = band.keys_of(row, row + 2 * lanes);
  const V old[2] = {load(maximum + row), load(maximum + row + lanes)};
  V top[2] = {old[0], old[1]};
  for (int c = 0; c < (edge ? keys.from : 0); ++c)
    for (int i = 0; i < 2; ++i) store(weights + c * ld + row + i * lanes, V{});
  for (int c = keys.from; c < keys.to; ++c) {
    for (int i = 0; i < 2; ++i) {
      S* at = weights + c * ld + row + i * lanes;
      V s = load(at);
      if (cap > 0) s = tanh(s) * cap;
      if (edge) {
        const V last = lane + static_cast<S>(row + i * lanes + band.shift);
        s = last < static_cast<S>(c) ? lowest : s;
        if (band.window > 0) s = last - static_cast<S>(band.window) >= static_cast<S>(c) ? lowest : s;
      }
      if (edge || cap > 0) store(at, s);
      top[i] = larger(s, top[i]);
    }
  }
  V sum[2] = {};
  V base[2];
  for (int i = 0; i < 2; ++i) base[i] = top[i] == lowest ? V{} : top[i];
  for (int c = keys.from; c < keys.to; ++c) {
    for (int i = 0; i < 2; ++i) {
      S* at = weights + c * ld + row + i * lanes;
      const V w = exp2_softmax(load(at) - base[i]);
      store(at, w);
      sum[i] += w;
    }
  }
  for (int c = most(keys.to, keys.from); c < (edge ? band.keys : 0); ++c)
    for (int i = 0; i < 2; ++i) store(weights + c * ld + row + i * lanes, V{});
  for (int i = 0; i < 2; ++i) {
    const V factor = exp2_softmax(old[i] - base[i]);
    store(rescale + row + i * lanes, factor);
    store(total + row + i * lanes, load(total + row + i * lanes) * factor + sum[i]);
    store(maximum + row + i * lanes, top[i]);
  }
}

template <class S>
void scale_rows(const S* factors, int rows, int size, S* out, int ld) {
  for (int r = 0; r < rows; ++r) {
    if (factors[r] == 1) continue;
    for (int d = 0; d < size; d += kLanes<S>) store(out + r * ld + d, load(out + r * ld + d) * factors[r]);
  }
}

template <class T>
void forward(const Problem& p, const Task& task, void* memory) {
  using S = typename Arithmetic<T>::Type;
  const ForwardScratch<S> at(p, task.heads, memory);
  const Scores<S> scores(p);
  const int first = task.block * p.block;
  const int rows = least(p.block, task.length - first);
  const int kv_head = task.head / (p.heads / p.kv_heads);
  const int wide_rows = round_up(rows, kPanel<S>);
  const int wide_size = round_up(p.size, kPanel<S>);
  const int64_t query = task.begin + first;
  for (int h = 0; h < task.heads; ++h) {
    const T* q = static_cast<const T*>(p.q.data) + query * p.q.token + (task.head + h) * p.q.head;
    copy_transposed(q, p.q.token, rows, p.size, scores.factor, at.q + h * p.size * at.ld_rows, at.ld_rows);
    for (int r = 0; r < wide_rows; ++r) {
      at.maximum[h * at.ld_rows + r] = static_cast<S>(-INFINITY);
      at.total[h * at.ld_rows + r] = 0;
    }
  }
  const int begin = first_key_block(p, task.block);
  for (int block = begin; block <= task.block; ++block) {
    const int first_key = block * p.block;
    const Band band = {first - first_key, p.window, rows, least(p.block, task.length - first_key)};
    const int64_t key = task.begin + first_key;
    copy_rows(static_cast<const T*>(p.k.data) + key * p.k.token + kv_head * p.k.head, p.k.token, band.keys,
              p.size, at.k, at.ld_size);
    copy_rows(static_cast<const T*>(p.v.data) + key * p.v.token + kv_head * p.v.head, p.v.token, band.keys,
              p.size, at.v, at.ld_size);
    for (int h = 0; h < task.heads; ++h) {
      tile_product<S>(
          band.keys, wide_rows, {at.k, at.ld_size, 1}, at.q + h * p.size * at.ld_rows, at.ld_rows,
          at.weights, at.ld_rows, false, [&](int, int) { return Span{0, p.size}; },
          [&](int c, int c_end, int r, int r_end) { return !band.touches(r, r_end, c, c_end); });
      for (int r = 0; r < wide_rows; r += kPanel<S>)
        soften_panel(band, scores.cap, r, at.weights, at.ld_rows, at.maximum + h * at.ld_rows,
                     at.total + h * at.ld_rows, at.rescale);
      S* out = at.out + static_cast<int64_t>(h) * p.block * at.ld_size;
      if (block > begin) scale_rows(at.rescale, rows, wide_size, out, at.ld_size);
      tile_product<S>(
          rows, wide_size, {at.weights, 1, at.ld_rows}, at.v, at.ld_size, out, at.ld_size, block > begin,
          [&](int r, int r_end) { return band.keys_of(r, r_end); }, [](int, int, int, int) { return false; });
    }
  }
  for (int h = 0; h < task.heads; ++h) {
    for (int r = 0; r < rows; ++r) {
      const S total = at.total[h * at.ld_rows + r];
      const int64_t row = (query + r) * p.heads + task.head + h;
      write_row(at.out + (static_cast<int64_t>(h) * p.block + r) * at.ld_size, 1 / total, p.size,
                static_cast<T*>(p.out) + row * p.size);
      static_cast<S*>(p.lse)[row] =
          at.maximum[h * at.ld_rows + r] * static_cast<S>(kLn2) + static_cast<S>(::log(total));
    }
  }
}

template <class S>
struct BackwardScratch {
  int ld_size, ld_keys;
  S *k, *k_transposed, *v_transposed, *dk, *dv, *q, *grad, *weights, *dscores;

  BackwardScratch(const Problem& p, void* memory)
      : ld_size(padded<S>(p.size)), ld_keys(padded<S>(p.block)) {
    S* next = static_cast<S*>(memory);
    auto take = [&next](int64_t n) { return next += n, next - n; };
    const int64_t rows = static_cast<int64_t>(p.block) * ld_size;
    k = take(rows);
    dk = take(rows);
    dv = take(rows);
    q = take(rows);
    grad = take(rows);
    k_transposed = take(static_cast<int64_t>(p.size) * ld_keys);
    v_transposed = take(static_cast<int64_t>(p.size) * ld_keys);
    weights = take(static_cast<int64_t>(p.block) * ld_keys);
    dscores = take(static_cast<int64_t>(p.block) * ld_keys);
    bytes = (next - static_cast<S*>(memory)) * static_cast<int64_t>(sizeof(S));
  }
  int64_t bytes;
};

// One row: scores and dP → weights and the gradient of the unscaled product q.k.
template <class S>
ANNEAL_INLINE void differentiate_row(const Band& band, S cap, S scale, int row, S lse, S delta,
                                     S* weights, S* dscores) {
  using V = Vec<S>;
  constexpr int lanes = kLanes<S>;
  V lane = {};
  for (int i = 0; i < lanes; ++i) lane[i] = static_cast<S>(i);
  const int from = band.first_key(row);
  const int to = band.end_key(row);
  const int wide = round_up(band.keys, kPanel<S>);
  const bool edge = !band.is_full();
  const S log2_total = lse * static_cast<S>(kLog2E);
  for (int c = 0; c < wide; c += lanes) {
    if (edge && (c + lanes <= from || c >= to)) {
      store(weights + c, V{});
      store(dscores + c, V{});
      continue;
    }
    V s = load(weights + c);
    V slope = splat(scale);
    if (cap > 0) {
      const V t = tanh(s);
      s = t * cap;
      slope = (1 - t * t) * scale;
    }
    V w = exp2_softmax(s - log2_total);
    V ds = w * (load(dscores + c) - delta) * slope;
    if (edge) {
      const V key = lane + static_cast<S>(c);
      const auto outside = (key < static_cast<S>(from)) | (key >= static_cast<S>(to));
      w = outside ? V{} : w;
      ds = outside ? V{} : ds;
    }
    store(weights + c, w);
    store(dscores + c, ds);
  }
}

inline void wait_until(const int* counter, int value) {
  for (int spins = 0; __atomic_load_n(counter, __ATOMIC_ACQUIRE) < value; ++spins)
    if (spins > 64) sched_yield();
}

template <class T>
void backward(const Backward& p, const Task& task, void* memory) {
  using S = typename Arithmetic<T>::Type;
  const BackwardScratch<S> at(p, memory);
  const Scores<S> scores(p);
  const int group = p.heads / p.kv_heads;
  const int first_key = task.block * p.block;
  const int keys = least(p.block, task.length - first_key);
  const int wide_keys = round_up(keys, kPanel<S>);
  const int wide_size = round_up(p.size, kPanel<S>);
  const int64_t key = task.begin + first_key;
  const T* k = static_cast<const T*>(p.k.data) + key * p.k.token + task.head * p.k.head;
  const T* v = static_cast<const T*>(p.v.data) + key * p.v.token + task.head * p.v.head;
  copy_rows(k, p.k.token, keys, p.size, at.k, at.ld_size);
  copy_transposed(k, p.k.token, keys, p.size, scores.factor, at.k_transposed, at.ld_keys);
  copy_transposed(v, p.v.token, keys, p.size, static_cast<S>(1), at.v_transposed, at.ld_keys);
  const int end = end_query_block(p, task.block, task.length);
  for (int block = task.block; block < end; ++block) {
    const int first = block * p.block;
    const Band band = {first - first_key, p.window, least(p.block, task.length - first), keys};
    const int64_t query = task.begin + first;
    const int turn = task.block - first_key_block(p, block);
    for (int h = task.head * group; h < (task.head + 1) * group; ++h) {
      const bool is_first = block == task.block && h == task.head * group;
      copy_rows(static_cast<const T*>(p.q.data) + query * p.q.token + h * p.q.head, p.q.token, band.rows,
                p.size, at.q, at.ld_size);
      const int64_t row = query * p.heads + h;
      copy_rows(static_cast<const T*>(p.grad) + row * p.size, static_cast<int64_t>(p.heads) * p.size,
                band.rows, p.size, at.grad, at.ld_size);
      const auto whole = [&](int, int) { return Span{0, p.size}; };
      const auto outside = [&](int r, int r_end, int c, int c_end) {
        return !band.touches(r, r_end, c, c_end);
      };
      tile_product<S>(band.rows, wide_keys, {at.q, at.ld_size, 1}, at.k_transposed, at.ld_keys, at.weights,
                      at.ld_keys, false, whole, outside);
      tile_product<S>(band.rows, wide_keys, {at.grad, at.ld_size, 1}, at.v_transposed, at.ld_keys,
                      at.dscores, at.ld_keys, false, whole, outside);
      for (int r = 0; r < band.rows; ++r)
        differentiate_row(band, scores.cap, static_cast<S>(p.scale), r,
                          static_cast<const S*>(p.lse)[row + r * p.heads],
                          static_cast<const S*>(p.delta)[row + r * p.heads], at.weights + r * at.ld_keys,
                          at.dscores + r * at.ld_keys);
      const auto rows_of = [&](int c, int c_end) { return band.rows_of(c, c_end); };
      const auto nowhere = [](int, int, int, int) { return false; };
      tile_product<S>(keys, wide_size, {at.weights, 1, at.ld_keys}, at.grad, at.ld_size, at.dv, at.ld_size,
                      !is_first, rows_of, nowhere);
      tile_product<S>(keys, wide_size, {at.dscores, 1, at.ld_keys}, at.q, at.ld_size, at.dk, at.ld_size,
                      !is_first, rows_of, nowhere);
      int* done = &p.done[task.done + task.head * ((task.length + p.block - 1) / p.block) + block];
      wait_until(done, turn);
      tile_product<S>(
          band.rows, wide_size, {at.dscores, at.ld_keys, 1}, at.k, at.ld_size,
          static_cast<S*>(p.dq) + row * p.dq_size, p.heads * p.dq_size, turn > 0,
          [&](int r, int r_end) { return band.keys_of(r, r_end); }, nowhere);
      if (h + 1 == (task.head + 1) * group) __atomic_store_n(done, turn + 1, __ATOMIC_RELEASE);
    }
  }
  for (int c = 0; c < keys; ++c) {
    const int64_t row = (key + c) * p.kv_heads + task.head;
    write_row(at.dk + c * at.ld_size, static_cast<S>(1), p.size, static_cast<T*>(p.dk) + row * p.size);
    write_row(at.dv + c * at.ld_size, static_cast<S>(1), p.size, static_cast<T*>(p.dv) + row * p.size);
  }
}

template <class T>
void row_dots(const void* a, const void* b, void* out, int size, int64_t from, int64_t to) {
  using S = typename Arithmetic<T>::Type;
  const int whole = size / kLanes<S> * kLanes<S>;
  for (int64_t row = from; row < to; ++row) {
    const T* x = static_cast<const T*>(a) + row * size;
    const T* y = static_cast<const T*>(b) + row * size;
    Vec<S> dot = {};
    for (int d = 0; d < whole; d += kLanes<S>) dot = fma(load(x + d), load(y + d), dot);
    if (whole < size) dot += load_part(x + whole, size - whole) * load_part(y + whole, size - whole);
    static_cast<S*>(out)[row] = sum(dot);
  }
}

template <class T>
void convert_rows(const void* from, int from_size, void* to, int size, int64_t first, int64_t last) {
  using S = typename Arithmetic<T>::Type;
  for (int64_t row = first; row < last; ++row)
    write_row(static_cast<const S*>(from) + row * from_size, static_cast<S>(1), size,
              static_cast<T*>(to) + row * size);
}

template <class T>
constexpr Tiles tiles_of() {
  using S = typename Arithmetic<T>::Type;
  return {
      kPanel<S>,
      [](const Problem& p, int heads) { return ForwardScratch<S>(p, heads, nullptr).bytes; },
      forward<T>,
      [](const Problem& p) { return BackwardScratch<S>(p, nullptr).bytes; },
      backward<T>,
      row_dots<T>,
      convert_rows<T>,
  };
}

const Tiles& tiles(Element element) {
  static constexpr Tiles all[] = {tiles_of<double>(), tiles_of<float>(), tiles_of<Bf16>()};
  return all[static_cast<int>(element)];
}

}  // namespace anneal::attention::ANNEAL_ISA
