// Readers: neighbouring values of a store, as float32. Included by gemm_kernels.h alone, inside
// its anonymous namespace, so that each instruction set has its own copy.

struct ReadFloat32 {
  static constexpr int64_t kLine = 16; // values in a cache line
  static inline const void *address(Stored s, int64_t row, int64_t column) {
    return static_cast<const float *>(s.data) + row * s.ld + column;
  }
  static inline void eight(Stored s, int64_t row, int64_t column, Eight &out) {
    __builtin_memcpy(&out, static_cast<const float *>(s.data) + row * s.ld + column, sizeof(out));
  }
  static inline void four(Stored s, int64_t row, int64_t column, float *to) {
    __builtin_memcpy(to, static_cast<const float *>(s.data) + row * s.ld + column, 16);
  }
  static inline float one(Stored s, int64_t row, int64_t column) {
    return static_cast<const float *>(s.data)[row * s.ld + column];
  }
};

struct ReadBFloat16 {
  static constexpr int64_t kLine = 32;
  static inline const void *address(Stored s, int64_t row, int64_t column) {
    return static_cast<const uint16_t *>(s.data) + row * s.ld + column;
  }
  static inline void eight(Stored s, int64_t row, int64_t column, Eight &out) {
    const uint16_t *at = static_cast<const uint16_t *>(s.data) + row * s.ld + column;
#if defined(__AVX2__)
    const __m128i narrow = _mm_loadu_si128(reinterpret_cast<const __m128i *>(at));
    const __m256i wide = _mm256_slli_epi32(_mm256_cvtepu16_epi32(narrow), 16);
    __builtin_memcpy(&out, &wide, sizeof(out));
#else
    for (int i = 0; i < 8; i++)
      out.lane[i] = from_bfloat16(at[i]);
#endif
  }
  static inline void four(Stored s, int64_t row, int64_t column, float *to) {
    const uint16_t *at = static_cast<const uint16_t *>(s.data) + row * s.ld + column;
    for (int i = 0; i < 4; i++)
      to[i] = from_bfloat16(at[i]);
  }
  static inline float one(Stored s, int64_t row, int64_t column) {
    return from_bfloat16(static_cast<const uint16_t *>(s.data)[row * s.ld + column]);
  }
};

// Whole numbers of 8 bits.
struct ReadCode8 {
  static constexpr int64_t kLine = 64;
  static inline const int8_t *address(Stored s, int64_t row, int64_t column) {
    return static_cast<const int8_t *>(s.data) + row * s.ld + column;
  }
  static inline void eight(Stored s, int64_t row, int64_t column, Eight &out) {
    const int8_t *at = address(s, row, column);
#if defined(__AVX2__)
    const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i *>(at));
    out = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes));
#else
    for (int i = 0; i < 8; i++)
      out.lane[i] = at[i];
#endif
  }
  static inline void four(Stored s, int64_t row, int64_t column, float *to) {
    for (int i = 0; i < 4; i++)
      to[i] = one(s, row, column + i);
  }
  static inline float one(Stored s, int64_t row, int64_t column) {
    return *address(s, row, column);
  }
};

// e4m3: its bits in the places of float16 have its value divided by 2^8, as exponents are 15 and 7
// off.
struct ReadFloat8 {
  static constexpr int64_t kLine = 64;
  static inline const uint8_t *address(Stored s, int64_t row, int64_t column) {
    return static_cast<const uint8_t *>(s.data) + row * s.ld + column;
  }
  static inline void eight(Stored s, int64_t row, int64_t column, Eight &out) {
    const uint8_t *at = address(s, row, column);
#if defined(__AVX2__)
    const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i *>(at));
    const __m128i half = _mm_and_si128(_mm_slli_epi16(_mm_cvtepi8_epi16(bytes), 7),
                                       _mm_set1_epi16(static_cast<int16_t>(0xbf80)));
    out = _mm256_mul_ps(_mm256_cvtph_ps(half), _mm256_set1_ps(256));
#else
    for (int i = 0; i < 8; i++)
      out.lane[i] = from_float8(at[i]);
#endif
  }
  static inline void four(Stored s, int64_t row, int64_t column, float *to) {
    for (int i = 0; i < 4; i++)
      to[i] = one(s, row, column + i);
  }
  static inline float one(Stored s, int64_t row, int64_t column) {
    return from_float8(*address(s, row, column));
  }
};

// Quantised matrices. Eight values begin at a multiple of eight columns and so share one scale:
// panels with vectors of eight are whole numbers of eight wide, and groups are longer. Without such
// vectors panels may begin anywhere, and values are read one by one.
using quantized::Format;
using quantized::Header;

#if defined(__AVX2__)
static_assert(kColumns % 8 == 0, "eight values of a row share a scale");

// 4 bits each, the first in the high half of its byte.
inline __m256i eight_halves(const uint8_t *at) {
  int32_t word;
  __builtin_memcpy(&word, at, sizeof(word));
  const __m256i shifts = _mm256_setr_epi32(4, 0, 12, 8, 20, 16, 28, 24);
  return _mm256_and_si256(_mm256_srlv_epi32(_mm256_set1_epi32(word), shifts),
                          _mm256_set1_epi32(15));
}

// 3 or 2 bits each, from the lowest.
template <Format F> inline __m256i eight_small(const uint8_t *at) {
  constexpr int b = quantized::bits_of(F);
  const __m256i word = _mm256_set1_epi32(static_cast<int>(quantized::eight_codes<F>(at)));
  const __m256i shifts = _mm256_setr_epi32(0, b, 2 * b, 3 * b, 4 * b, 5 * b, 6 * b, 7 * b);
  return _mm256_and_si256(_mm256_srlv_epi32(word, shifts), _mm256_set1_epi32((1 << b) - 1));
}

template <Format F> inline __m256i eight_of(const uint8_t *at) {
  if constexpr (F == quantized::kInt3 || F == quantized::kInt2)
    return eight_small<F>(at);
  else
    return eight_halves(at);
}

inline __m256 nf4_values(__m256i codes) {
  using quantized::nf4_value;
  const __m256 low =
      _mm256_setr_ps(nf4_value(0), nf4_value(1), nf4_value(2), nf4_value(3), nf4_value(4),
                     nf4_value(5), nf4_value(6), nf4_value(7));
  const __m256 high =
      _mm256_setr_ps(nf4_value(8), nf4_value(9), nf4_value(10), nf4_value(11), nf4_value(12),
                     nf4_value(13), nf4_value(14), nf4_value(15));
  const __m256 upper = _mm256_castsi256_ps(_mm256_slli_epi32(codes, 28)); // bit 3 as the sign
  return _mm256_blendv_ps(_mm256_permutevar8x32_ps(low, codes),
                          _mm256_permutevar8x32_ps(high, codes), upper);
}

// To nearest, ties to even; what is quantised is finite.
inline __m256 as_bfloat16(__m256 value) {
  const __m256i bits = _mm256_castps_si256(value);
  const __m256i last = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
  const __m256i up = _mm256_add_epi32(bits, _mm256_add_epi32(last, _mm256_set1_epi32(0x7fff)));
  return _mm256_castsi256_ps(
      _mm256_and_si256(up, _mm256_set1_epi32(static_cast<int>(0xffff0000))));
}
#endif

template <Format F> struct ReadQuantized {
  static constexpr int kBits = quantized::bits_of(F);
  static constexpr int64_t kLine = kBits == 3 ? 128 : 512 / kBits;
  static inline const uint8_t *address(Stored s, int64_t row, int64_t column) {
    const Header &h = quantized::header_at(s.data);
    return quantized::section<uint8_t>(h, h.codes) + row * h.row_bytes +
           (kBits == 3 ? column / 8 * 3 : column * kBits / 8);
  }
  static inline void eight(Stored s, int64_t row, int64_t column, Eight &out) {
#if defined(__AVX2__)
    const Header &h = quantized::header_at(s.data);
    const int64_t group = quantized::group_of(h, row, column);
    const __m256 scale = _mm256_set1_ps(quantized::scale_of<F>(h, group));
    const uint8_t *codes = address(s, row, column);
    if constexpr (F == quantized::kInt8) {
      const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i *>(codes));
      out = _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes)), scale);
    } else if constexpr (quantized::has_zeros(F)) {
      const int zero = quantized::section<uint8_t>(h, h.zeros)[group];
      const __m256i steps = _mm256_sub_epi32(eight_of<F>(codes), _mm256_set1_epi32(zero));
      out = _mm256_mul_ps(_mm256_cvtepi32_ps(steps), scale);
    } else {
      out = _mm256_mul_ps(nf4_values(eight_halves(codes)), scale);
    }
    if (s.rounded)
      out = as_bfloat16(out);
#else
    for (int i = 0; i < 8; i++)
      out.lane[i] = one(s, row, column + i);
#endif
  }
  static inline void four(Stored s, int64_t row, int64_t column, float *to) {
    for (int i = 0; i < 4; i++)
      to[i] = one(s, row, column + i);
  }
  static inline float one(Stored s, int64_t row, int64_t column) {
    const float value = quantized::value_of<F>(quantized::header_at(s.data), row, column);
    return s.rounded ? from_bfloat16(to_bfloat16(value)) : value;
  }
};

using ReadNF4 = ReadQuantized<quantized::kNF4>;
using ReadNF4Double = ReadQuantized<quantized::kNF4Double>;
using ReadInt8 = ReadQuantized<quantized::kInt8>;
using ReadInt4 = ReadQuantized<quantized::kInt4>;
using ReadInt3 = ReadQuantized<quantized::kInt3>;
using ReadInt2 = ReadQuantized<quantized::kInt2>;
