// The end of a product: sums, bias and residual, rounded once. Included by gemm_kernels.h, inside
// its anonymous namespace.

template <Storage Out> inline void put(void *to, int64_t i, float value) {
  if constexpr (Out == Storage::kFloat32)
    static_cast<float *>(to)[i] = value;
  else
    static_cast<uint16_t *>(to)[i] = to_bfloat16(value);
}

// What is added to sums. It is known where a loop is compiled: one that decides for each value is
// vectorised to loads under a mask, and one of those at a null pointer takes the processor some
// hundred cycles, though the mask is empty.
enum class Addend : int { kNone, kFloat32, kBFloat16 };

inline Addend addend_of(const void *data, Storage storage) {
  if (!data)
    return Addend::kNone;
  return storage == Storage::kFloat32 ? Addend::kFloat32 : Addend::kBFloat16;
}

template <Addend Added> inline void add(float &value, const void *from, int64_t i) {
  if constexpr (Added == Addend::kFloat32)
    value += static_cast<const float *>(from)[i];
  if constexpr (Added == Addend::kBFloat16)
    value += from_bfloat16(static_cast<const uint16_t *>(from)[i]);
}

template <Storage Out, Addend Bias, Addend Residual>
void finish_rows(const float *sum, int64_t sum_ld, int64_t rows, int64_t columns,
                 const Finish &f) {
  constexpr int64_t kSize = Out == Storage::kFloat32 ? 4 : 2;
  constexpr int64_t kResidual = Residual == Addend::kFloat32 ? 4 : 2;
  for (int64_t i = 0; i < rows; i++) {
    const float *from = sum + i * sum_ld;
    void *to = static_cast<char *>(f.out) + i * f.out_ld * kSize;
    const void *residual = nullptr;
    if constexpr (Residual != Addend::kNone)
      residual = static_cast<const char *>(f.residual) + i * f.residual_ld * kResidual;
    for (int64_t j = 0; j < columns; j++) {
      float value = from[j];
      add<Bias>(value, f.bias, j);
      add<Residual>(value, residual, j);
      put<Out>(to, j, value);
    }
  }
}

using FinishRows = void (*)(const float *, int64_t, int64_t, int64_t, const Finish &);

template <Storage Out, Addend Bias>
constexpr FinishRows kByResidual[] = {finish_rows<Out, Bias, Addend::kNone>,
                                      finish_rows<Out, Bias, Addend::kFloat32>,
                                      finish_rows<Out, Bias, Addend::kBFloat16>};

template <Storage Out>
constexpr const FinishRows *kByBias[] = {kByResidual<Out, Addend::kNone>,
                                         kByResidual<Out, Addend::kFloat32>,
                                         kByResidual<Out, Addend::kBFloat16>};

void finish(const float *sum, int64_t sum_ld, int64_t rows, int64_t columns, const Finish &f) {
  const int bias = static_cast<int>(addend_of(f.bias, f.bias_storage));
  const int residual = static_cast<int>(addend_of(f.residual, f.residual_storage));
  const FinishRows run = f.out_storage == Storage::kFloat32
                             ? kByBias<Storage::kFloat32>[bias][residual]
                             : kByBias<Storage::kBFloat16>[bias][residual];
  run(sum, sum_ld, rows, columns, f);
}
