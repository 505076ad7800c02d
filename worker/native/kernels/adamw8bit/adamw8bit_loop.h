// The loop of adamw8bit.h, compiled once an instruction set. A block lives in small arrays that
// stay in the first cache.
#include "../bfloat16.h"
#include "../simd/simd.h"
#include "adamw8bit.h"

namespace anneal::adamw8bit::ANNEAL_ISA {

using namespace simd::ANNEAL_ISA;

namespace {

constexpr int kWidth = kLanes<float>;

ANNEAL_INLINE I key_of(F x) {
  const I bits = bits_of<I>(x);
  return bits ^ ((bits >> 31) & 0x7fffffff);
}

#if defined(__AVX512F__)

constexpr int kWords = kBytes / 2, kVectors = kBlock / kWords;
constexpr U kLane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

// Words of a table at places, of which bits beyond its size do not matter.
template <int kSize> ANNEAL_INLINE __m512i look_up(const uint16_t* table, __m512i place) {
  constexpr int kHalf = kSize / 2;
  if constexpr (kHalf == kWords)
    return _mm512_permutex2var_epi16(_mm512_load_si512(table), place, _mm512_load_si512(table + kHalf));
  if constexpr (kHalf > kWords)
    return _mm512_mask_mov_epi16(look_up<kHalf>(table, place), _mm512_test_epi16_mask(place, _mm512_set1_epi16(kHalf)),
                                 look_up<kHalf>(table + kHalf, place));
}

void read(const uint8_t* codes, float absmax, const Finder& finder, float* values) {
  const Words map = finder.map_words; // a copy, which no store can change, stays in registers
  const U pair = kLane | (kLane + kWords) << 16;
  for (int i = 0; i < kBlock; i += kWords) {
    const __m512i code = _mm512_cvtepu8_epi16(_mm256_loadu_si256((const __m256i*)(codes + i)));
    const __m512i lower = look_up<256>(map.lower, code), upper = look_up<256>(map.upper, code);
    store(values + i, (F)_mm512_permutex2var_epi16(lower, (__m512i)pair, upper) * absmax);
    store(values + i + kWidth, (F)_mm512_permutex2var_epi16(lower, (__m512i)(pair + 0x100010), upper) * absmax);
  }
}

// Keys are taken apart into upper and lower words. A step down the tree waits for the one before,
// so all vectors take it in turn, and `beside` has roots and divisions between.
template <class Beside>
ANNEAL_INLINE void find(const float* values, float divisor, const Finder& finder, uint8_t* codes, Beside beside) {
  const U even = kLane * 0x40004 + 0x20000;
  __m512i upper[kVectors], lower[kVectors], node[kVectors];
  for (int k = 0; k < kVectors; ++k) {
    const __m512i a = (__m512i)key_of(load(values + k * kWords) / divisor);
    const __m512i b = (__m512i)key_of(load(values + k * kWords + kWidth) / divisor);
    lower[k] = _mm512_permutex2var_epi16(a, (__m512i)even, b);
    upper[k] = _mm512_permutex2var_epi16(a, (__m512i)(even + 0x10001), b);
    node[k] = _mm512_set1_epi16(1);
  }
#pragma GCC unroll 8
  for (int level = 0; level < 8; ++level) {
    for (int k = 0; k < kVectors; ++k) {
      const __mmask32 right = _mm512_cmpgt_epi16_mask(
          upper[k], level < 6   ? look_up<64>(finder.tree, node[k])
                    : level < 7 ? look_up<64>(finder.tree + 64, node[k])
                                : look_up<128>(finder.tree + 128, node[k]));
      node[k] = _mm512_add_epi16(node[k], node[k]);
      node[k] = _mm512_mask_add_epi16(node[k], right, node[k], _mm512_set1_epi16(1));
    }
    beside(level);
  }
  const Words border = finder.border;
#pragma GCC unroll 8
  for (int k = 0; k < kVectors; ++k) {
    const __mmask32 same = _mm512_cmpeq_epi16_mask(upper[k], look_up<256>(border.upper, node[k]));
    const __mmask32 above = _mm512_mask_cmpgt_epu16_mask(same, lower[k], look_up<256>(border.lower, node[k]));
    node[k] = _mm512_mask_add_epi16(node[k], above, node[k], _mm512_set1_epi16(1));
    _mm256_storeu_si256((__m256i*)(codes + k * kWords), _mm512_maskz_cvtepi16_epi8(~0u, node[k]));
  }
}

#else

void read(const uint8_t* codes, float absmax, const Finder& finder, float* values) {
  for (int i = 0; i < kBlock; ++i)
    values[i] = finder.map[codes[i]] * absmax;
}

template <class Beside>
ANNEAL_INLINE void find(const float* values, float divisor, const Finder& finder, uint8_t* codes, Beside beside) {
  uint32_t wide[kBlock];
  for (int i = 0; i < kBlock; i += kWidth) {
    if (i % (kBlock / 8) == 0) beside(i / (kBlock / 8));
    const U key = (U)key_of(load(values + i) / divisor), cell = key >> 16;
    U entry;
    for (int j = 0; j < kWidth; ++j)
      entry[j] = finder.entry[cell[j]];
    const U code = (entry >> 16) - (U)((I)(key & 0xffff) > (I)(entry & 0xffff)); // true is -1
    memcpy(wide + i, &code, sizeof code);
  }
  for (int i = 0; i < kBlock; ++i)
    codes[i] = static_cast<uint8_t>(wide[i]);
}

#endif

// The values themselves where they are float32.
const float* widened(const void* from, bool is_bf16, float* room) {
  for (int i = 0; is_bf16 && i < kBlock; ++i)
    room[i] = from_bfloat16(static_cast<const uint16_t*>(from)[i]);
  return is_bf16 ? room : static_cast<const float*>(from);
}

float largest(const float* values, int n) {
  float lanes[16] = {}, all = 0;
  for (int j = 0; j < 16; j += kWidth) {
    F most = {};
    for (int i = j; i < n - n % 16; i += 16)
      most = larger(most, bits_of<F>(bits_of<U>(load(values + i)) & 0x7fffffff));
    store(lanes + j, most);
  }
  for (int i = n - n % 16; i < n; ++i)
    lanes[0] = lanes[0] > __builtin_fabsf(values[i]) ? lanes[0] : __builtin_fabsf(values[i]);
  for (const float lane : lanes)
    all = all > lane ? all : lane;
  return all;
}

// `at` has the parameters, codes and gradients of the block.
void update_block(const Arrays& a, const Factors& factors, int64_t block, int n, char* const (&at)[4]) {
  const Factors c = factors;
  alignas(64) float p_wide[kBlock], g_wide[kBlock], m[kBlock], v[kBlock];
  uint8_t *m_codes = reinterpret_cast<uint8_t*>(at[1]), *v_codes = reinterpret_cast<uint8_t*>(at[2]);
  const float* old = widened(at[0], a.param_is_bf16, p_wide);
  const float* g = widened(at[3], a.grad_is_bf16, g_wide);
  float* p = a.param_is_bf16 ? p_wide : reinterpret_cast<float*>(at[0]);
  float &m_absmax = a.m_absmax[block], &v_absmax = a.v_absmax[block];
  read(m_codes, m_absmax, *a.m_finder, m);
  read(v_codes, v_absmax, *a.v_finder, v);
  for (int i = 0; i < kBlock; ++i) {
    const float gi = g[i] * c.grad_scale;
    m[i] = c.beta1 * m[i] + c.take_grad * gi;
    v[i] = c.beta2 * v[i] + c.take_square * gi * gi;
  }
  m_absmax = largest(m, n);
  v_absmax = largest(v, n);
  const auto move = [&](int part) __attribute__((always_inline)) {
    for (int i = part * (kBlock / 16); i < (part + 1) * (kBlock / 16); i += kWidth) {
      F root = load(v + i);
      for (int j = 0; j < kWidth; ++j)
        root[j] = __builtin_sqrtf(root[j]);
      store(p + i, load(old + i) * c.keep - c.step_size * (load(m + i) / (root / c.root_bias2 + c.eps)));
    }
  };
  find(m, m_absmax > 0 ? m_absmax : 1, *a.m_finder, m_codes, move);
  find(v, v_absmax > 0 ? v_absmax : 1, *a.v_finder, v_codes,
       [&](int part) __attribute__((always_inline)) { move(part + 8); });
  const uint32_t place = place_of(static_cast<uint64_t>(block) * kBlock); // a block crosses no multiple of 2^32
  for (int i = 0; a.param_is_bf16 && i < kBlock; ++i)
    reinterpret_cast<uint16_t*>(at[0])[i] =
        c.stochastic ? to_bfloat16_stochastic(p_wide[i], random_bits(c.rounding_key, place + static_cast<uint32_t>(i)))
                    : to_bfloat16(p_wide[i]);
}

} // namespace

void update(const Arrays& a, const Factors& factors, int64_t first_block, int64_t end_block) {
  void* const arrays[] = {a.param, a.m_codes, a.v_codes, const_cast<void*>(a.grad)};
  const int bytes[] = {a.param_is_bf16 ? 2 : 4, 1, 1, a.grad_is_bf16 ? 2 : 4};
  char copy[4][4 * kBlock] = {}; // of a block that is not full
  for (int64_t block = first_block; block < end_block; ++block) {
    const int64_t first = block * kBlock, left = a.count - first, n = left < kBlock ? left : kBlock;
    char *at[4], *used[4];
    for (int i = 0; i < 4; ++i) {
      at[i] = static_cast<char*>(arrays[i]) + first * bytes[i];
      used[i] = n < kBlock ? static_cast<char*>(memcpy(copy[i], at[i], n * bytes[i])) : at[i];
    }
    update_block(a, factors, block, static_cast<int>(n), used);
    for (int i = 0; i < 3 && n < kBlock; ++i)
      memcpy(at[i], copy[i], n * bytes[i]);
  }
}

} // namespace anneal::adamw8bit::ANNEAL_ISA
