// The loop of adamw8bit.h, compiled once an instruction set. A block lives in small arrays that stay
// in the first cache. A code is read by a plain look-up, found by one gather from a table of cells.
#include "../bfloat16.h"
#include "../simd/simd.h"
#include "adamw8bit.h"

namespace anneal::adamw8bit::ANNEAL_ISA {

using namespace simd::ANNEAL_ISA;

namespace {

constexpr int kWidth = kLanes<float>;

ANNEAL_INLINE U gather(const uint32_t* table, U index) {
#if defined(__AVX512F__)
  return (U)_mm512_i32gather_epi32((__m512i)index, table, 4);
#elif defined(__AVX2__)
  return (U)_mm256_i32gather_epi32(reinterpret_cast<const int*>(table), (__m256i)index, 4);
#else
  U found;
  for (int i = 0; i < kWidth; ++i)
    found[i] = table[index[i]];
  return found;
#endif
}

void read(const uint8_t* codes, float absmax, const Finder& finder, int n, float* values) {
  for (int i = 0; i < n; ++i)
    values[i] = finder.map[codes[i]] * absmax;
}

// The values themselves where they are float32.
const float* widened(const void* from, bool is_bf16, int64_t first, int n, float* room) {
  if (!is_bf16)
    return static_cast<const float*>(from) + first;
  const uint16_t* x = static_cast<const uint16_t*>(from) + first;
  for (int i = 0; i < n; ++i)
    room[i] = from_bfloat16(x[i]);
  return room;
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

// Cell of a value from -1 to 1. Everything below 2^-31 shares the first cells.
ANNEAL_INLINE U cell_of(U bits) {
  constexpr int32_t smallest = (127 - 31) << 7;
  constexpr int32_t most = kCells / 2 - 1;
  const I inside = (I)((bits & 0x7fffffffu) >> kCellBits) - smallest;
  const I above = inside > 0 ? inside : 0;
  const I cell = above < most ? above : most;
  return (U)cell + (bits >> 31) * (kCells / 2);
}

ANNEAL_INLINE U code_of(F scaled, const Finder& finder) {
  const U bits = bits_of<U>(scaled);
  const U entry = gather(finder.entry, cell_of(bits));
  const U inverted = (U)((I)bits >> 31);
  const I within = (I)((bits ^ inverted) & 0xffffu);
  const I border = (I)(entry & 0xffffu);
  // A comparison is -1 where it holds.
  return (entry >> kCellBits) - (U)(within > border);
}

float write(const float* values, int n, const Finder& finder, uint8_t* codes) {
  const float absmax = largest(values, n);
  const float divisor = absmax > 0 ? absmax : 1;
  uint32_t wide[kBlock];
  // Lanes behind the end of a short block hold anything: every bit pattern has a cell.
  for (int i = 0; i < n; i += kWidth) {
    const U found = code_of(load(values + i) / divisor, finder);
    memcpy(wide + i, &found, sizeof found);
  }
  for (int i = 0; i < n; ++i)
    codes[i] = static_cast<uint8_t>(wide[i]);
  return absmax;
}

void write_bf16(const Arrays& a, const Factors& f, int64_t first, int n, const float* values) {
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

// `p` is `old` or apart from it; nothing else overlaps.
void move(const Factors& f, int n, const float* old, const float* g, float* __restrict m,
          float* __restrict v, float* p) {
  const Factors c = f;
#pragma GCC ivdep
  for (int i = 0; i < n; ++i) {
    const float gi = g[i] * c.grad_scale;
    m[i] = c.beta1 * m[i] + c.take_grad * gi;
    v[i] = c.beta2 * v[i] + c.take_square * gi * gi;
    p[i] = old[i] * c.keep - c.step_size * (m[i] / (__builtin_sqrtf(v[i]) / c.root_bias2 + c.eps));
  }
}

void update_block(const Arrays& a, const Factors& factors, int64_t block) {
  const Factors f = factors;
  const int64_t first = block * kBlock;
  const int n = static_cast<int>(a.count - first < kBlock ? a.count - first : kBlock);
  float p_wide[kBlock], g_wide[kBlock], m[kBlock], v[kBlock];
  const float* old = widened(a.param, a.param_is_bf16, first, n, p_wide);
  const float* g = widened(a.grad, a.grad_is_bf16, first, n, g_wide);
  float* p = a.param_is_bf16 ? p_wide : static_cast<float*>(a.param) + first;
  read(a.m_codes + first, a.m_absmax[block], *a.m_finder, n, m);
  read(a.v_codes + first, a.v_absmax[block], *a.v_finder, n, v);
  move(f, n, old, g, m, v, p);
  a.m_absmax[block] = write(m, n, *a.m_finder, a.m_codes + first);
  a.v_absmax[block] = write(v, n, *a.v_finder, a.v_codes + first);
  if (a.param_is_bf16)
    write_bf16(a, f, first, n, p);
}

} // namespace

void update(const Arrays& arrays, const Factors& factors, int64_t first_block, int64_t end_block) {
  for (int64_t block = first_block; block < end_block; ++block)
    update_block(arrays, factors, block);
}

} // namespace anneal::adamw8bit::ANNEAL_ISA
