// Forward of attention_tiles.h: one block of queries against all of its keys, with a running
// softmax.
#pragma once

#include "tile_parts.h"

namespace anneal::attention::ANNEAL_ISA {

template <class S> struct ForwardScratch {
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

// Scores of one panel of rows → weights, with the running maximum and sum. Masked weights become
// exactly 0.
template <class S>
ANNEAL_INLINE void soften_panel(const Band& band, S cap, int row, S* weights, int ld, S* maximum,
                                S* total, S* rescale) {
  using V = Vec<S>;
  constexpr int lanes = kLanes<S>;
  const V lowest = splat(static_cast<S>(-INFINITY));
  V lane = {};
  for (int i = 0; i < lanes; ++i)
    lane[i] = static_cast<S>(i);
  const bool edge = !band.is_full();
  const Span keys = band.keys_of(row, row + 2 * lanes);
  const V old[2] = {load(maximum + row), load(maximum + row + lanes)};
  V top[2] = {old[0], old[1]};
  for (int c = 0; c < (edge ? keys.from : 0); ++c)
    for (int i = 0; i < 2; ++i)
      store(weights + c * ld + row + i * lanes, V{});
  for (int c = keys.from; c < keys.to; ++c) {
    for (int i = 0; i < 2; ++i) {
      S* at = weights + c * ld + row + i * lanes;
      V s = load(at);
      if (cap > 0)
        s = tanh(s) * cap;
      if (edge) {
        const V last = lane + static_cast<S>(row + i * lanes + band.shift);
        s = last < static_cast<S>(c) ? lowest : s;
        if (band.window > 0)
          s = last - static_cast<S>(band.window) >= static_cast<S>(c) ? lowest : s;
      }
      if (edge || cap > 0)
        store(at, s);
      top[i] = larger(s, top[i]);
    }
  }
  V sum[2] = {};
  V base[2];
  for (int i = 0; i < 2; ++i)
    base[i] = top[i] == lowest ? V{} : top[i];
  for (int c = keys.from; c < keys.to; ++c) {
    for (int i = 0; i < 2; ++i) {
      S* at = weights + c * ld + row + i * lanes;
      const V w = exp2_softmax(load(at) - base[i]);
      store(at, w);
      sum[i] += w;
    }
  }
  for (int c = most(keys.to, keys.from); c < (edge ? band.keys : 0); ++c)
    for (int i = 0; i < 2; ++i)
      store(weights + c * ld + row + i * lanes, V{});
  for (int i = 0; i < 2; ++i) {
    const V factor = exp2_softmax(old[i] - base[i]);
    store(rescale + row + i * lanes, factor);
    store(total + row + i * lanes, load(total + row + i * lanes) * factor + sum[i]);
    store(maximum + row + i * lanes, top[i]);
  }
}

template <class S> void scale_rows(const S* factors, int rows, int size, S* out, int ld) {
  for (int r = 0; r < rows; ++r) {
    if (factors[r] == 1)
      continue;
    for (int d = 0; d < size; d += kLanes<S>)
      store(out + r * ld + d, load(out + r * ld + d) * factors[r]);
  }
}

template <class T> void forward(const Problem& p, const Task& task, void* memory) {
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
    copy_transposed(q, p.q.token, rows, p.size, scores.factor, at.q + h * p.size * at.ld_rows,
                    at.ld_rows);
    for (int r = 0; r < wide_rows; ++r) {
      at.maximum[h * at.ld_rows + r] = static_cast<S>(-INFINITY);
      at.total[h * at.ld_rows + r] = 0;
    }
  }
  const int begin = first_key_block(p, task.block);
  const int end = end_key_block(p, task.block, task.key_length);
  for (int block = begin; block < end; ++block) {
    const Band band = band_of(p, task, task.block, block);
    const int64_t key = task.key_begin + block * p.block;
    copy_rows(static_cast<const T*>(p.k.data) + key * p.k.token + kv_head * p.k.head, p.k.token,
              band.keys, p.size, at.k, at.ld_size);
    copy_rows(static_cast<const T*>(p.v.data) + key * p.v.token + kv_head * p.v.head, p.v.token,
              band.keys, p.size, at.v, at.ld_size);
    for (int h = 0; h < task.heads; ++h) {
      tile_product<S>(
          band.keys, wide_rows, {at.k, at.ld_size, 1}, at.q + h * p.size * at.ld_rows, at.ld_rows,
          at.weights, at.ld_rows, false, [&](int, int) { return Span{0, p.size}; },
          [&](int c, int c_end, int r, int r_end) { return !band.touches(r, r_end, c, c_end); });
      for (int r = 0; r < wide_rows; r += kPanel<S>)
        soften_panel(band, scores.cap, r, at.weights, at.ld_rows, at.maximum + h * at.ld_rows,
                     at.total + h * at.ld_rows, at.rescale);
      S* out = at.out + static_cast<int64_t>(h) * p.block * at.ld_size;
      if (block > begin)
        scale_rows(at.rescale, rows, wide_size, out, at.ld_size);
      tile_product<S>(
          rows, wide_size, {at.weights, 1, at.ld_rows}, at.v, at.ld_size, out, at.ld_size,
          block > begin, [&](int r, int r_end) { return band.keys_of(r, r_end); },
          [](int, int, int, int) { return false; });
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

} // namespace anneal::attention::ANNEAL_ISA
