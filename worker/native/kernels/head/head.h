// The head of a language model and its loss, without a tape: logits, log-sum-exp, loss and gradient
// in one pass over chunks of rows.
//
//   u = scale * h E^T     z = cap * tanh(u / cap), or u where cap is 0     lse = log sum exp z
//   nll = lse - z[label]
//   objective = sum over rows of weight * inv_n * ((1 - s) nll + s (lse - mean z) + z_loss lse^2),  s = smoothing
//
// h [..., H] and E [V, H] float32 or bfloat16 in any combination (float64, other devices:
// libtorch), labels [...] int64, every one of them learned: the caller picks the rows. One outside
// of [0, V) is refused on the processor; a GPU is not waited for, and makes loss and gradient of
// its row NaN. row_weight [...] float32, or none.
//
// nll [rows] float32 (float64 for float64) sums [3] float64: sum of nll, objective, rows whose
// label has no larger rival dh the derivative of the objective by h, like h; undefined contents are
// never returned: empty [0]
//           without need_dh
// dweight   float32 [V, H] (float64 for float64), added to
//
// A GPU rounds the derivative by a logit to the type of h before it is multiplied: tensor cores
// take no other.
//
// Only `chunk` rows of logits exist at a time, in float32 (0: as many as fit 32 MiB, or 64 MiB with
// dweight, over which each chunk passes; 64 to 512). On the CPU a strip of logits turns into
// exponentials while it is in the cache, so each exponential is computed once and the gradient is
// one multiply-add; sums over strips are made in a fixed order, in double.
#pragma once

#include <stdint.h>

namespace anneal::head {

inline constexpr const char* kSchemas[] = {
    "head_nll(Tensor h, Tensor weight, Tensor labels, *, float inv_n=1., int chunk=0, float scale=1., "
    "float cap=0., float smoothing=0., float z_loss=0., bool need_dh=True, Tensor? row_weight=None, "
    "Tensor(a!)? dweight=None) -> (Tensor nll, Tensor sums, Tensor dh)",
    // Rows of u become rows of the gradient in place where asked; the pieces of head_nll for CUDA.
    "_head_rows_(Tensor(a!) u, Tensor labels, Tensor factor, float cap, float smoothing, float z_loss, "
    "bool need_grad) -> (Tensor nll, Tensor loss, Tensor hit)",
};

struct Settings {
  double inv_n;
  int64_t chunk;
  double scale, cap, smoothing, z_loss;
  bool need_dh;
};

// Of a row and a strip of the vocabulary: largest z, sum of exp(z - largest), sum of z. After all
// strips are known `largest` is replaced by the factor that makes an exponential a gradient.
struct Part {
  float largest, sum, total;
};

// What the loops do to logits; without torch, for files of one instruction set.
struct Loops {
  // z in place: u → z → exponentials (cap 0 and keep) or z (else); label_logit if the label is
  // here, else label is negative.
  void (*strip)(float* z, int64_t columns, float scale, float cap, bool keep, bool total, int64_t label,
                Part* part, float* label_logit);
  // exponentials → gradient
  void (*from_exponentials)(float* z, int64_t columns, float factor, float shift);
  // z → gradient with a cap: (factor * exp(z - lse) + shift) * (1 - (z / cap)^2)
  void (*from_capped)(float* z, int64_t columns, float lse, float factor, float shift, float cap);
};

namespace portable { extern const Loops loops; }
namespace avx2 { extern const Loops loops; }
namespace avx512 { extern const Loops loops; }

}  // namespace anneal::head
