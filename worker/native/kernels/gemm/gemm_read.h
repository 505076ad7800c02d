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
