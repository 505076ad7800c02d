// The blocked product for one instruction set. A source file defines ANNEAL_GEMM_WIDTH (floats in a
// vector), ANNEAL_GEMM_ROWS and ANNEAL_GEMM_VECTORS (the register tile), ANNEAL_GEMM_DEPTH (the
// block of the depth), ANNEAL_GEMM_NAME and ANNEAL_GEMM_TABLE, then includes this file. Everything
// is in an anonymous namespace: the same code is compiled several times with different flags, and
// the copies must not be merged by the linker.
//
// The register tile keeps rows x vectors sums in registers; one step of the depth loads `vectors`
// vectors of B, broadcasts each of `rows` values of A and does rows x vectors fused multiply-adds.
// Each element of C is summed in the order of the depth whatever the tile, so results do not depend
// on how the work was cut.
#include "bfloat16.h"
#include "float8.h"
#include "gemm_table.h"
#include "quantized/layout.h"

#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace anneal::gemm {
namespace {

constexpr int kWidth = ANNEAL_GEMM_WIDTH;
constexpr int kRows = ANNEAL_GEMM_ROWS;
constexpr int kVectors = ANNEAL_GEMM_VECTORS;
constexpr int kColumns = kWidth * kVectors;
static_assert(kRows % 4 == 0 && kColumns % 4 == 0, "panels are transposed four rows at a time");

// Steps of the depth written out in the inner loop: fewer instructions for the loop itself, which
// is what counts when another process shares the core.
constexpr int kUnroll = 8;

typedef float Vector __attribute__((vector_size(kWidth * 4)));

#if defined(__AVX2__)
typedef __m256 Eight;
#else
struct Eight {
  float lane[8];
};
#endif

#include "gemm_read.h"

// c + a * b with one rounding where the machine has it; the build turns contraction off. On x86 the
// form is named, because a compiler that may pick another swaps the roles of registers in the
// unrolled loop, then runs out of them and spills.
inline void fuse(Vector &c, const Vector &a, const Vector &b) {
#if defined(ANNEAL_GEMM_EMULATE)
  c += a * b;
#elif defined(__AVX512F__)
  asm("vfmadd231ps %2, %1, %0" : "+v"(c) : "v"(b), "v"(a));
#elif defined(__FMA__)
  asm("vfmadd231ps %2, %1, %0" : "+x"(c) : "x"(b), "x"(a));
#elif defined(__aarch64__)
  c = vfmaq_f32(c, a, b);
#else
  c += a * b;
#endif
}

inline void load(Vector &out, const float *from) { __builtin_memcpy(&out, from, sizeof(out)); }
inline void store(float *to, const Vector &value) { __builtin_memcpy(to, &value, sizeof(value)); }
inline void broadcast(Vector &out, float value) { out = value - Vector{}; }

// One step of the depth.
template <int Rows, int Vectors>
inline __attribute__((always_inline)) void step(const float *__restrict a,
                                                const float *__restrict b,
                                                Vector (&sum)[Rows][Vectors]) {
  Vector right[Vectors];
#pragma GCC unroll 4
  for (int j = 0; j < Vectors; j++)
    load(right[j], b + j * kWidth);
#pragma GCC unroll 16
  for (int i = 0; i < Rows; i++) {
    Vector left;
    broadcast(left, a[i]);
#pragma GCC unroll 4
    for (int j = 0; j < Vectors; j++)
      fuse(sum[i][j], left, right[j]);
  }
}

// Prefetches, while a tile computes, the stored values that are packed after it.
struct Prefetch {
  const char *at;
  int64_t ld;   // bytes of a row
  int lines;    // of a row
  int64_t rows; // in each kUnroll steps

  void next() {
    for (int64_t i = 0; i < rows; i++, at += ld)
      for (int line = 0; line < lines; line++)
        __builtin_prefetch(at + 64 * line, 0, 2);
  }
};

struct NoPrefetch {
  void next() {}
};

template <int Rows, int Vectors, class Prefetching>
inline __attribute__((always_inline)) void
tile_and_prefetch(int64_t depth, const float *__restrict a, const float *__restrict b,
                  float *__restrict c, int64_t ldc, float alpha, bool add, Prefetching prefetch) {
  Vector sum[Rows][Vectors];
#pragma GCC unroll 16
  for (int i = 0; i < Rows; i++)
#pragma GCC unroll 4
    for (int j = 0; j < Vectors; j++)
      sum[i][j] = Vector{};
  int64_t p = 0;
  for (; p + kUnroll <= depth; p += kUnroll, a += kUnroll * kRows, b += kUnroll * kColumns) {
    prefetch.next();
#pragma GCC unroll 8
    for (int u = 0; u < kUnroll; u++)
      step<Rows, Vectors>(a + u * kRows, b + u * kColumns, sum);
  }
  for (; p < depth; p++, a += kRows, b += kColumns)
    step<Rows, Vectors>(a, b, sum);
  Vector factor;
  broadcast(factor, alpha);
#pragma GCC unroll 16
  for (int i = 0; i < Rows; i++)
#pragma GCC unroll 4
    for (int j = 0; j < Vectors; j++) {
      float *to = c + i * ldc + j * kWidth;
      Vector value = Vector{};
      if (add)
        load(value, to);
      fuse(value, factor, sum[i][j]);
      store(to, value);
    }
}

template <int Rows, int Vectors>
void tile(int64_t depth, const float *__restrict a, const float *__restrict b,
          float *__restrict c, int64_t ldc, float alpha, bool add) {
  tile_and_prefetch<Rows, Vectors>(depth, a, b, c, ldc, alpha, add, NoPrefetch{});
}

// A whole tile that prefetches the rows of one panel, from `row` on.
__attribute__((noinline)) void prefetching_tile(int64_t depth, const float *a, const float *b,
                                                float *c, int64_t ldc, float alpha, bool add,
                                                const PackedNext &next, int64_t row) {
  const int64_t groups = depth / kUnroll, rows = (kColumns + groups - 1) / groups;
  const int lines = static_cast<int>((next.bytes + 63) / 64);
  const Prefetch prefetch{next.data + row * next.ld, next.ld, lines, rows};
  tile_and_prefetch<kRows, kVectors>(depth, a, b, c, ldc, alpha, add, prefetch);
}

using Tile = void (*)(int64_t, const float *, const float *, float *, int64_t, float, bool);

struct Tiles {
  Tile at[kRows + 1][kVectors + 1];
  constexpr Tiles() : at{} { fill<1, 1>(); }
  template <int Rows, int Vectors> constexpr void fill() {
    at[Rows][Vectors] = tile<Rows, Vectors>;
    if constexpr (Vectors < kVectors)
      fill<Rows, Vectors + 1>();
    else if constexpr (Rows < kRows)
      fill<Rows + 1, 1>();
  }
};
constexpr Tiles kTiles;

// A tile that is not a whole number of vectors wide goes through a buffer: nothing is read or
// written beside C.
__attribute__((noinline)) void narrow_tile(Tile run, int64_t depth, const float *a, const float *b,
                                           int rows, int64_t columns, float *c, int64_t ldc,
                                           float alpha, bool add) {
  alignas(64) float buffer[kRows * kColumns];
  for (int i = 0; i < rows; i++)
    for (int64_t j = 0; j < columns; j++)
      buffer[i * kColumns + j] = add ? c[i * ldc + j] : 0.0f;
  for (int i = 0; i < rows; i++)
    for (int64_t j = columns; j < kColumns; j++)
      buffer[i * kColumns + j] = 0.0f;
  run(depth, a, b, buffer, kColumns, alpha, true);
  for (int i = 0; i < rows; i++)
    for (int64_t j = 0; j < columns; j++)
      c[i * ldc + j] = buffer[i * kColumns + j];
}

void multiply(int64_t depth, const Panels &a, const Panels &b, float *c, int64_t ldc, float alpha,
              bool add) {
  const float *right = b.data;
  for (int64_t j = 0; j < b.count; j += kColumns, right += b.stride) {
    const int64_t columns = b.count - j < kColumns ? b.count - j : kColumns;
    const int vectors = static_cast<int>((columns + kWidth - 1) / kWidth);
    const float *left = a.data;
    for (int64_t i = 0; i < a.count; i += kRows, left += a.stride) {
      const int rows = static_cast<int>(a.count - i < kRows ? a.count - i : kRows);
      float *to = c + i * ldc + j;
      const Tile run = kTiles.at[rows][vectors];
      const bool is_first = i == 0 && rows == kRows && columns == kColumns;
      if (is_first && b.next.data && depth >= kUnroll)
        prefetching_tile(depth, left, right, to, ldc, alpha, add, b.next, j);
      else if (columns == vectors * kWidth)
        run(depth, left, right, to, ldc, alpha, add);
      else
        narrow_tile(run, depth, left, right, rows, columns, to, ldc, alpha, add);
    }
  }
}

#if defined(__AVX2__)
// Columns of eight rows: v[k] becomes value k of each of the eight inputs.
inline void transpose(Eight (&v)[8]) {
  Eight a[8], b[8];
#pragma GCC unroll 4
  for (int i = 0; i < 8; i += 2) {
    a[i] = _mm256_unpacklo_ps(v[i], v[i + 1]);
    a[i + 1] = _mm256_unpackhi_ps(v[i], v[i + 1]);
  }
#pragma GCC unroll 2
  for (int i = 0; i < 8; i += 4) {
    b[i] = _mm256_shuffle_ps(a[i], a[i + 2], 0x44);
    b[i + 1] = _mm256_shuffle_ps(a[i], a[i + 2], 0xee);
    b[i + 2] = _mm256_shuffle_ps(a[i + 1], a[i + 3], 0x44);
    b[i + 3] = _mm256_shuffle_ps(a[i + 1], a[i + 3], 0xee);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    v[i] = _mm256_permute2f128_ps(b[i], b[i + 4], 0x20);
    v[i + 4] = _mm256_permute2f128_ps(b[i], b[i + 4], 0x31);
  }
}

// Columns of four rows, four floats each, written `stride` floats apart.
inline void transpose_store(const Eight (&v)[4], float *to, int stride) {
  const __m256 a0 = _mm256_unpacklo_ps(v[0], v[1]), a1 = _mm256_unpackhi_ps(v[0], v[1]);
  const __m256 a2 = _mm256_unpacklo_ps(v[2], v[3]), a3 = _mm256_unpackhi_ps(v[2], v[3]);
  const __m256 c[4] = {_mm256_shuffle_ps(a0, a2, 0x44), _mm256_shuffle_ps(a0, a2, 0xee),
                       _mm256_shuffle_ps(a1, a3, 0x44), _mm256_shuffle_ps(a1, a3, 0xee)};
#pragma GCC unroll 4
  for (int k = 0; k < 4; k++) {
    _mm_storeu_ps(to + k * stride, _mm256_castps256_ps128(c[k]));
    _mm_storeu_ps(to + (k + 4) * stride, _mm256_extractf128_ps(c[k], 1));
  }
}
#else
inline void transpose(Eight (&v)[8]) {
  for (int i = 0; i < 8; i++)
    for (int j = i + 1; j < 8; j++) {
      const float swap = v[i].lane[j];
      v[i].lane[j] = v[j].lane[i];
      v[j].lane[i] = swap;
    }
}

inline void transpose_store(const Eight (&v)[4], float *to, int stride) {
  for (int k = 0; k < 8; k++)
    for (int i = 0; i < 4; i++)
      to[k * stride + i] = v[i].lane[k];
}
#endif

// One panel of `Panel` stored rows, transposed: to[k * Panel + i] = value k of row i.
template <class Reader, int Panel>
void pack_depth_inner(Stored s, int64_t row, int rows, int64_t from, int64_t depth, float *to) {
  constexpr int kWhole = Panel / 8 * 8;
  int64_t k = 0;
  if (rows == Panel) {
    for (; k + 8 <= depth; k += 8) {
#pragma GCC unroll 6
      for (int g = 0; g < kWhole; g += 8) {
        Eight block[8];
#pragma GCC unroll 8
        for (int i = 0; i < 8; i++)
          Reader::eight(s, row + g + i, from + k, block[i]);
        transpose(block);
#pragma GCC unroll 8
        for (int i = 0; i < 8; i++)
          __builtin_memcpy(to + (k + i) * Panel + g, &block[i], sizeof(Eight));
      }
      if constexpr (kWhole < Panel) {
        Eight block[4];
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++)
          Reader::eight(s, row + kWhole + i, from + k, block[i]);
        transpose_store(block, to + k * Panel + kWhole, Panel);
      }
    }
  }
  for (; k < depth; k++)
    for (int i = 0; i < Panel; i++)
      to[k * Panel + i] = i < rows ? Reader::one(s, row + i, from + k) : 0.0f;
}

// Panels of `Panel` columns of stored rows, copied: to[k * Panel + j] = value j of row k. Rows
// outside, panels inside: a row is read once from end to end, as the prefetcher likes it.
template <class Reader, int Panel>
void pack_depth_outer(Stored s, int64_t column, int64_t columns, int64_t from, int64_t depth,
                      float *to, int64_t stride) {
  constexpr int64_t kAhead = 16; // rows: a stride beyond a page defeats the machine's own prefetcher
  for (int64_t k = 0; k < depth; k++, to += Panel) {
    if (k + kAhead < depth)
      for (int64_t j = 0; j < columns; j += Reader::kLine)
        __builtin_prefetch(Reader::address(s, from + k + kAhead, column + j));
    float *at = to;
    int64_t j = 0;
    for (; j + Panel <= columns; j += Panel, at += stride) {
#pragma GCC unroll 4
      for (int i = 0; i + 8 <= Panel; i += 8) {
        Eight value;
        Reader::eight(s, from + k, column + j + i, value);
        __builtin_memcpy(at + i, &value, sizeof(value));
      }
      if constexpr (Panel % 8) // four more
        Reader::four(s, from + k, column + j + Panel / 8 * 8, at + Panel / 8 * 8);
    }
    if (j < columns)
      for (int i = 0; i < Panel; i++)
        at[i] = j + i < columns ? Reader::one(s, from + k, column + j + i) : 0.0f;
  }
}

template <class Reader, int Panel, Layout Lies>
void pack(Stored s, int64_t first, int64_t count, int64_t from, int64_t depth, float *to,
          int64_t stride) {
  if constexpr (Lies == Layout::kDepthOuter) {
    pack_depth_outer<Reader, Panel>(s, first, count, from, depth, to, stride);
  } else {
    for (int64_t i = 0; i < count; i += Panel, to += stride) {
      const int part = static_cast<int>(count - i < Panel ? count - i : Panel);
      pack_depth_inner<Reader, Panel>(s, first + i, part, from, depth, to);
    }
  }
}

#include "gemm_finish.h"

#include "gemm_few_rows.h"

template <class Reader>
void widen(Stored s, int64_t first, int64_t rows, int64_t columns, float *to) {
  for (int64_t i = first; i < first + rows; i++, to += columns) {
    int64_t j = 0;
    for (; j + 8 <= columns; j += 8) {
      Eight value;
      Reader::eight(s, i, j, value);
      __builtin_memcpy(to + j, &value, sizeof(value));
    }
    for (; j < columns; j++)
      to[j] = Reader::one(s, i, j);
  }
}

} // namespace

// In the order of Storage; quantised ones are rounded or not by what `Stored` says.
#define ANNEAL_GEMM_EACH(f)                                                                        \
  {f<ReadFloat32>,    f<ReadBFloat16>, f<ReadCode8>, f<ReadFloat8>, f<ReadNF4>,                    \
   f<ReadNF4Double>,  f<ReadInt8>,     f<ReadInt4>,  f<ReadInt3>,   f<ReadInt2>,                   \
   f<ReadNF4>,        f<ReadNF4Double>, f<ReadInt8>, f<ReadInt4>,   f<ReadInt3>,                   \
   f<ReadInt2>}
#define ANNEAL_GEMM_PACK_DENSE(panel, lies)                                                        \
  pack<ReadFloat32, panel, lies>, pack<ReadBFloat16, panel, lies>, pack<ReadCode8, panel, lies>,   \
      pack<ReadFloat8, panel, lies>
#define ANNEAL_GEMM_PACK_B(lies)                                                                   \
  {ANNEAL_GEMM_PACK_DENSE(kColumns, lies),                                                         \
   pack<ReadNF4, kColumns, lies>,     pack<ReadNF4Double, kColumns, lies>,                         \
   pack<ReadInt8, kColumns, lies>,    pack<ReadInt4, kColumns, lies>,                              \
   pack<ReadInt3, kColumns, lies>,    pack<ReadInt2, kColumns, lies>,                              \
   pack<ReadNF4, kColumns, lies>,     pack<ReadNF4Double, kColumns, lies>,                         \
   pack<ReadInt8, kColumns, lies>,    pack<ReadInt4, kColumns, lies>,                              \
   pack<ReadInt3, kColumns, lies>,    pack<ReadInt2, kColumns, lies>}

extern const Table ANNEAL_GEMM_TABLE = {
    .name = ANNEAL_GEMM_NAME,
    .rows = kRows,
    .columns = kColumns,
    .depth = ANNEAL_GEMM_DEPTH,
    .unit = 1,
    .bytes = {4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4},
    .multiply = multiply,
    .multiply_rounded = nullptr,
    .pack_a = {{ANNEAL_GEMM_PACK_DENSE(kRows, Layout::kDepthInner)},
               {ANNEAL_GEMM_PACK_DENSE(kRows, Layout::kDepthOuter)}},
    .pack_b = {ANNEAL_GEMM_PACK_B(Layout::kDepthInner), ANNEAL_GEMM_PACK_B(Layout::kDepthOuter)},
    .finish = finish,
    .few_rows = ANNEAL_GEMM_EACH(few_rows),
    .widen = ANNEAL_GEMM_EACH(widen),
};

} // namespace anneal::gemm
