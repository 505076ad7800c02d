// Matrices as sums of vectors from codebooks (AQLM, PV-Tuning): each group of g neighbours of a row
// is
//
//   W[o, j] = s_o * sum_k C_k[code[o, j, k]]
//
// codes uint8 [rows, groups, K] · codebooks [K, entries, g] and scales [rows], float32 or, for
// codebook_decode and codebook_gradient, float64 · 1 to 8 codebooks of at most 256 entries, g from
// 1 to 32.
//
// codebook_decode: W [rows, groups * g] in `dtype`: the sum over k in order, in the type of the
// codebooks, times s, rounded
//   once.
// codebook_gradient: from dL/dW [rows, groups * g] in the type of the codebooks: dC [K, entries, g]
// and ds [rows],
//   dC_k[c] = sum over groups with code c at k of s_o dW · ds_o = sum_j dW[o, j] . sum_k C_k[code[o, j, k]]
//   An entry that no group names has a gradient of exactly 0. Rows are added in chunks that do not depend on threads.
// codebook_search: new codes for targets [n, g] float32, from codes [n, K]: what makes |target -
// sum_k C_k[code]|^2 small.
//   Codebooks are visited in `order`, and `beam` hypotheses kept behind each but the last. Codes change only where the
//   error, added up in float64, becomes strictly smaller: it never grows, whatever order and beam.
#pragma once

#include <stdint.h>

namespace anneal::codebook {

inline constexpr const char* kSchemas[] = {
    "codebook_decode(Tensor codes, Tensor codebooks, Tensor scales, *, ScalarType dtype) -> Tensor",
    "codebook_gradient(Tensor codes, Tensor codebooks, Tensor scales, Tensor gradient) -> (Tensor, Tensor)",
    "codebook_search(Tensor targets, Tensor codebooks, Tensor codes, int[] order, int beam) -> Tensor",
};

constexpr int kMostCodebooks = 8;
constexpr int kMostEntries = 256;
constexpr int kMostValues = 32; // of a group
constexpr int kMostBeam = 16;
constexpr int kChunks = 64; // of rows, whose gradients are added apart

struct Sizes {
  int64_t rows, groups;
  int codebooks, entries, values;
};

template <class S> struct Coded {
  Sizes size;
  const uint8_t* codes;
  const S* codebooks;
  const S* scales;
};

struct Search {
  int codebooks, entries, values, beam, padded; // padded: entries, up to whole vectors
  const float* targets;
  const float* codebook; // [K, entries, g]
  const float* turned;   // [K, g, padded], zeros behind the entries
  const float* half;     // [K, padded]: |C|^2 / 2, and what no score is above behind the entries
  const uint8_t* codes;
  const int* order;
  uint8_t* found;
};

// Rows [first, last), or targets.
using Decode = void(const Coded<float>&, int64_t first, int64_t last, float* out);
using DecodeBfloat16 = void(const Coded<float>&, int64_t first, int64_t last, uint16_t* out);
using Gradient = void(const Coded<float>&, const float* gradient, int64_t first, int64_t last, float* table,
                      float* scales);
using Find = void(const Search&, int64_t first, int64_t last);

#define ANNEAL_CODEBOOK_LOOPS                                                                      \
  Decode decode;                                                                                   \
  DecodeBfloat16 decode_bfloat16;                                                                  \
  Gradient gradient;                                                                               \
  Find find;

namespace portable {
ANNEAL_CODEBOOK_LOOPS
}
namespace avx2 {
ANNEAL_CODEBOOK_LOOPS
}
namespace avx512 {
ANNEAL_CODEBOOK_LOOPS
}

} // namespace anneal::codebook
