// The loop of adamw8bit.h, compiled once an instruction set. A block lives in small arrays: the
// compiler makes vectors of the arithmetic, table look-ups stay one by one.
#include "../bfloat16.h"
#include "adamw8bit.h"

namespace anneal::adamw8bit::ANNEAL_ISA {

namespace {

void read(const uint8_t* codes, float absmax, const Finder& finder, int n, float* values) {
  for (int i = 0; i < n; ++i)
    values[i] = finder.map[codes[i]] * absmax;
}

void read(const void* from, bool is_bf16, int64_t first, int n, float* values) {
  if (is_bf16) {
    const uint16_t* x = static_cast<const uint16_t*>(from) + first;
    for (int i = 0; i < n; ++i)
      values[i] = from_bfloat16(x[i]);
  } else {
    const float* x = static_cast<const float*>(from) + first;
    for (int i = 0; i < n; ++i)
      values[i] = x[i];
  }
}

float largest(const float* values, int n) {
  float lanes[16] = {};
  int i = 0;
  for (; i + 16 <= n; i += 16) {
    for (int j = 0; j < 16; ++j) {
      const float a = __builtin_fabsf(values[i + j]);
      lanes[j] = lanes[j] > a ? lanes[j] : a;
    }
  }
  for (; i < n; ++i) {
    const float a = __builtin_fabsf(values[i]);
    lanes[0] = lanes[0] > a ? lanes[0] : a;
  }
  float most = 0;
  for (int j = 0; j < 16; ++j)
    most = most > lanes[j] ? most : lanes[j];
  return most;
}

float write(const float* values, int n, const Finder& finder, uint8_t* codes) {
  const float absmax = largest(values, n);
  const float divisor = absmax > 0 ? absmax : 1;
  float scaled[kBlock];
  int cells[kBlock];
  for (int i = 0; i < n; ++i)
    scaled[i] = values[i] / divisor;
  for (int i = 0; i < n; ++i)
    cells[i] = cell_of(scaled[i]);
  for (int i = 0; i < n; ++i) {
    const uint8_t lowest = finder.lowest[cells[i]];
    codes[i] = static_cast<uint8_t>(lowest + (scaled[i] > finder.border[lowest] ? 1 : 0));
  }
  return absmax;
}

void write_param(const Arrays& a, const Factors& f, int64_t first, int n, const float* values) {
  if (!a.param_is_bf16) {
    float* p = static_cast<float*>(a.param) + first;
    for (int i = 0; i < n; ++i)
      p[i] = values[i];
    return;
  }
  uint16_t* p = static_cast<uint16_t*>(a.param) + first;
  if (!f.by_chance) {
    for (int i = 0; i < n; ++i)
      p[i] = to_bfloat16(values[i]);
    return;
  }
  for (int i = 0; i < n; ++i)
    p[i] = to_bfloat16_by_chance(values[i],
                                 random_bits(f.rounding_key, static_cast<uint64_t>(first + i)));
}

void update_block(const Arrays& a, const Factors& factors, int64_t block) {
  const Factors f = factors;
  const int64_t first = block * kBlock;
  const int n = static_cast<int>(a.count - first < kBlock ? a.count - first : kBlock);
  float p[kBlock], g[kBlock], m[kBlock], v[kBlock];
  read(a.param, a.param_is_bf16, first, n, p);
  read(a.grad, a.grad_is_bf16, first, n, g);
  read(a.m_codes + first, a.m_absmax[block], *a.m_finder, n, m);
  read(a.v_codes + first, a.v_absmax[block], *a.v_finder, n, v);
  for (int i = 0; i < n; ++i) {
    const float gi = g[i] * f.grad_scale;
    m[i] = f.beta1 * m[i] + f.take_grad * gi;
    v[i] = f.beta2 * v[i] + f.take_square * gi * gi;
    p[i] = p[i] * f.keep - f.step_size * (m[i] / (__builtin_sqrtf(v[i]) / f.root_bias2 + f.eps));
  }
  a.m_absmax[block] = write(m, n, *a.m_finder, a.m_codes + first);
  a.v_absmax[block] = write(v, n, *a.v_finder, a.v_codes + first);
  write_param(a, f, first, n, p);
}

} // namespace

void update(const Arrays& arrays, const Factors& factors, int64_t first_block, int64_t end_block) {
  for (int64_t block = first_block; block < end_block; ++block)
    update_block(arrays, factors, block);
}

} // namespace anneal::adamw8bit::ANNEAL_ISA
