// AdamW with 8-bit moments (Dettmers et al. 2022, "8-bit Optimizers via Block-wise Quantization"),
// one pass over memory.
//
// Elements are taken in blocks of kBlock; the last one may be shorter. A moment is stored as
// map[code] * absmax[block], where absmax is the block's largest magnitude and map (256 ascending
// values from -1 or 0 to 1, worker/methods/optimizers/dynamic-map.ts) is signed for m and unsigned
// for v. A block is read to float32, updated as in adamw.h (m and v enter the step before they are
// rounded), and written as the codes nearest to m / absmax and v / absmax; a value half way between
// two codes takes the lower.
//
// param float32, or bfloat16 rounded to nearest or, with rounding_key, stochastically as in
// adamw.h; grad float32 or bfloat16; codes uint8 [numel]; absmax float32 [blocks], 0 at first. All
// contiguous. Arithmetic in float32, bias corrections in float64. Blocks are independent: the same
// bits for any number of threads.
#pragma once

#include <stdint.h>

namespace anneal::adamw8bit {

inline constexpr const char* kSchema =
    "adamw8bit_(Tensor(a!) param, Tensor grad, Tensor(b!) m_codes, Tensor(c!) m_absmax, "
    "Tensor(d!) v_codes, Tensor(e!) v_absmax, Tensor map_signed, Tensor map_unsigned, *, float lr, "
    "float beta1, float beta2, float eps, float weight_decay, int step, float grad_scale=1.0, "
    "int? rounding_key=None) -> ()";

constexpr int kBlock = 256;

// The key of a number is a whole number that ascends with it: its bits, but of negative ones all
// except the sign inverted. Borders are the keys of what lies half way from a code to the next, a
// node of `tree`, k, above nodes 2 k and 2 k + 1. `entry` has, by the upper word of a key, the
// least code and the last lower word that takes it: what shares an upper word is so narrow that it
// holds one border at most.
struct alignas(64) Words {
  uint16_t upper[256], lower[256];
};
struct alignas(64) Finder {
  float map[256];
  Words map_words, border; // this line and the next are for AVX-512
  uint16_t tree[256];      // upper words
  uint32_t entry[1 << 16];
};

struct Arrays {
  void* param;
  const void* grad;
  uint8_t* m_codes;
  float* m_absmax;
  uint8_t* v_codes;
  float* v_absmax;
  bool param_is_bf16;
  bool grad_is_bf16;
  const Finder* m_finder;
  const Finder* v_finder;
  int64_t count;
};

struct Factors {
  float grad_scale;
  float keep; // 1 - lr * weight_decay
  float beta1;
  float take_grad; // 1 - beta1
  float beta2;
  float take_square; // 1 - beta2
  float step_size;   // lr / (1 - beta1^step)
  float root_bias2;  // sqrt(1 - beta2^step)
  float eps;
  bool stochastic;
  uint64_t rounding_key;
};

using Loop = void(const Arrays& arrays, const Factors& factors, int64_t first_block,
                  int64_t end_block);

namespace portable {
Loop update;
}
namespace avx2 {
Loop update;
}
namespace avx512 {
Loop update;
}

} // namespace anneal::adamw8bit
