// Products of few rows, which read W once and pack nothing. Included by gemm_kernels.h, inside its
// anonymous namespace.

// Products of `Rows` rows of x with `Stored` rows of W at a time: sums of eight lanes, added up in
// a fixed order at the end, then the rest of the depth one by one.
template <class Reader, int Rows, int Columns>
inline void dots(Stored w, int64_t column, const float *x, int64_t x_ld, int64_t depth, float *y,
                 int64_t y_ld) {
  typedef float Lanes __attribute__((vector_size(32)));
  Lanes sum[Rows][Columns];
  for (int t = 0; t < Rows; t++)
    for (int o = 0; o < Columns; o++)
      sum[t][o] = Lanes{};
  int64_t k = 0;
  for (; k + 8 <= depth; k += 8) {
    Lanes right[Columns];
#pragma GCC unroll 4
    for (int o = 0; o < Columns; o++) {
      Eight value;
      Reader::eight(w, column + o, k, value);
      __builtin_memcpy(&right[o], &value, sizeof(value));
    }
#pragma GCC unroll 8
    for (int t = 0; t < Rows; t++) {
      Lanes left;
      __builtin_memcpy(&left, x + t * x_ld + k, sizeof(left));
#pragma GCC unroll 4
      for (int o = 0; o < Columns; o++) {
#if defined(__FMA__)
        sum[t][o] = _mm256_fmadd_ps(left, right[o], sum[t][o]);
#else
        sum[t][o] += left * right[o];
#endif
      }
    }
  }
  for (int t = 0; t < Rows; t++)
    for (int o = 0; o < Columns; o++) {
      const Lanes &s = sum[t][o];
      float total = ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
      for (int64_t rest = k; rest < depth; rest++)
        total += x[t * x_ld + rest] * Reader::one(w, column + o, rest);
      y[t * y_ld + o] = total;
    }
}

template <class Reader, int Rows>
void few_rows_of(Stored w, int64_t column, int64_t column_count, const float *x, int64_t x_ld,
                 int64_t depth, float *y, int64_t y_ld) {
  // Sums of a group stay in registers: AVX-512 has 32 of them, also of eight lanes.
#if defined(__AVX512VL__)
  constexpr int kGroup = Rows <= 4 ? 4 : 3;
#else
  constexpr int kGroup = Rows <= 2 ? 4 : Rows <= 4 ? 2 : 1;
#endif
  int64_t o = 0;
  for (; o + kGroup <= column_count; o += kGroup)
    dots<Reader, Rows, kGroup>(w, column + o, x, x_ld, depth, y + o, y_ld);
  for (; o < column_count; o++)
    dots<Reader, Rows, 1>(w, column + o, x, x_ld, depth, y + o, y_ld);
}

template <class Reader>
void few_rows(Stored w, int64_t column, int64_t column_count, const float *x, int64_t x_ld,
              int64_t rows, int64_t depth, float *y, int64_t y_ld) {
  using Run = void (*)(Stored, int64_t, int64_t, const float *, int64_t, int64_t, float *, int64_t);
  static constexpr Run run[kFewRows] = {few_rows_of<Reader, 1>, few_rows_of<Reader, 2>,
                                 few_rows_of<Reader, 3>, few_rows_of<Reader, 4>,
                                 few_rows_of<Reader, 5>, few_rows_of<Reader, 6>,
                                 few_rows_of<Reader, 7>, few_rows_of<Reader, 8>};
  run[rows - 1](w, column, column_count, x, x_ld, depth, y, y_ld);
}
