// Backward of attention_tiles.h: one block of keys against all queries that see it.
#pragma once

#include <sched.h>

#include "tile_parts.h"

namespace anneal::attention::ANNEAL_ISA {

template <class S> struct BackwardScratch {
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
  for (int i = 0; i < lanes; ++i)
    lane[i] = static_cast<S>(i);
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
    if (spins > 64)
      sched_yield();
}

template <class T> void backward(const Backward& p, const Task& task, void* memory) {
  using S = typename Arithmetic<T>::Type;
  const BackwardScratch<S> at(p, memory);
  const Scores<S> scores(p);
  const int group = p.heads / p.kv_heads;
  const int first_key = task.block * p.block;
  const int keys = least(p.block, task.key_length - first_key);
  const int wide_keys = round_up(keys, kPanel<S>);
  const int wide_size = round_up(p.size, kPanel<S>);
  const int64_t key = task.key_begin + first_key;
  const T* k = static_cast<const T*>(p.k.data) + key * p.k.token + task.head * p.k.head;
  const T* v = static_cast<const T*>(p.v.data) + key * p.v.token + task.head * p.v.head;
  copy_rows(k, p.k.token, keys, p.size, at.k, at.ld_size);
  copy_transposed(k, p.k.token, keys, p.size, scores.factor, at.k_transposed, at.ld_keys);
  copy_transposed(v, p.v.token, keys, p.size, static_cast<S>(1), at.v_transposed, at.ld_keys);
  const int begin = first_query_block(p, task.block);
  const int end = end_query_block(p, task.block, task.length);
  for (int block = begin; block < end; ++block) {
    const Band band = band_of(p, task, block, task.block);
    const int64_t query = task.begin + block * p.block;
    const int turn = task.block - first_key_block(p, block);
    for (int h = task.head * group; h < (task.head + 1) * group; ++h) {
      const bool is_first = block == begin && h == task.head * group;
      copy_rows(static_cast<const T*>(p.q.data) + query * p.q.token + h * p.q.head, p.q.token,
                band.rows, p.size, at.q, at.ld_size);
      const int64_t row = query * p.heads + h;
      copy_rows(static_cast<const T*>(p.grad) + row * p.size,
                static_cast<int64_t>(p.heads) * p.size, band.rows, p.size, at.grad, at.ld_size);
      const auto whole = [&](int, int) { return Span{0, p.size}; };
      const auto outside = [&](int r, int r_end, int c, int c_end) {
        return !band.touches(r, r_end, c, c_end);
      };
      tile_product<S>(band.rows, wide_keys, {at.q, at.ld_size, 1}, at.k_transposed, at.ld_keys,
                      at.weights, at.ld_keys, false, whole, outside);
      tile_product<S>(band.rows, wide_keys, {at.grad, at.ld_size, 1}, at.v_transposed, at.ld_keys,
                      at.dscores, at.ld_keys, false, whole, outside);
      for (int r = 0; r < band.rows; ++r)
        differentiate_row(band, scores.cap, static_cast<S>(p.scale), r,
                          static_cast<const S*>(p.lse)[row + r * p.heads],
                          static_cast<const S*>(p.delta)[row + r * p.heads],
                          at.weights + r * at.ld_keys, at.dscores + r * at.ld_keys);
      const auto rows_of = [&](int c, int c_end) { return band.rows_of(c, c_end); };
      const auto nowhere = [](int, int, int, int) { return false; };
      tile_product<S>(keys, wide_size, {at.weights, 1, at.ld_keys}, at.grad, at.ld_size, at.dv,
                      at.ld_size, !is_first, rows_of, nowhere);
      tile_product<S>(keys, wide_size, {at.dscores, 1, at.ld_keys}, at.q, at.ld_size, at.dk,
                      at.ld_size, !is_first, rows_of, nowhere);
      int* done = &p.done[task.done + task.head * blocks_of(p, task.length) + block];
      wait_until(done, turn);
      tile_product<S>(
          band.rows, wide_size, {at.dscores, at.ld_keys, 1}, at.k, at.ld_size,
          static_cast<S*>(p.dq) + row * p.dq_size, p.heads * p.dq_size, turn > 0,
          [&](int r, int r_end) { return band.keys_of(r, r_end); }, nowhere);
      if (h + 1 == (task.head + 1) * group)
        __atomic_store_n(done, turn + 1, __ATOMIC_RELEASE);
    }
  }
  for (int c = 0; c < keys; ++c) {
    const int64_t row = (key + c) * p.kv_heads + task.head;
    write_row(at.dk + c * at.ld_size, static_cast<S>(1), p.size,
              static_cast<T*>(p.dk) + row * p.size);
    write_row(at.dv + c * at.ld_size, static_cast<S>(1), p.size,
              static_cast<T*>(p.dv) + row * p.size);
  }
}

} // namespace anneal::attention::ANNEAL_ISA
