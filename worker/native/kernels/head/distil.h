// Distillation at the head: the loss of rows against the most likely tokens of a teacher and the
// probability of all others together, and the operator that finds both.
//
//   z = logits of head.h   p = softmax(z / temperature)   p' = softmax(z)
//   divergence = sum over ids of q (log q - log p) + r (log r - log (the rest of p)),  r = rest of q
//   objective = sum over rows of inv_n * ((1 - mix) nll + mix * divergence), nll that of head.h
//   gradient by z = inv_n * ((1 - mix) (p' - onehot) + mix / temperature * (p - t)),
//     t = q at the ids, elsewhere p r / (the rest of p)
//
// The rest is summed for itself and never as what is missing to 1, so it has as many digits as the
// other probabilities. h, E, labels and dweight as in head.h; ids [..., k] int32, distinct in a
// row and in [0, V) (checked on the processor); log_q [..., k + 1] float32 (float64 for float64),
// at last that of the rest, -inf where there is none. k is at most V.
//
// nll and divergence [rows] float32 (float64 for float64); sums [4] float64: of nll, objective,
// rows whose label has no larger rival, of divergence; dh as in head.h.
//
// head_top gives ids, the most likely first and of equal ones the lower (another device: any of
// them), and their log_q. Only `chunk` rows of logits exist at a time, as in head.h; a row is one
// thread's, so its bits depend on neither the chunk nor the number of threads.
#pragma once

#include <stdint.h>

namespace anneal::distil {

inline constexpr const char* kSchemas[] = {
    "head_distil(Tensor h, Tensor weight, Tensor labels, Tensor ids, Tensor log_q, *, float inv_n=1., "
    "int chunk=0, float cap=0., float mix=1., float temperature=1., Tensor(a!)? dweight=None) -> "
    "(Tensor nll, Tensor divergence, Tensor sums, Tensor dh)",
    "head_top(Tensor h, Tensor weight, int k, *, int chunk=0, float cap=0., float temperature=1.) -> "
    "(Tensor ids, Tensor log_q)",
};

// What makes a row of logits its gradient: a exp(z - lse) + b exp((z - rest) by), with a cap times
// the slope of it.
struct Mixture {
  float a, lse, b, rest, by, cap;
};

// What the loops do to a row of logits; without torch, for files of one instruction set.
struct Loops {
  // Caps logits in place (cap 0: leaves them).
  void (*capped)(float* z, int64_t columns, float cap);
  float (*largest)(const float* z, int64_t columns);
  // Sum of exp((z - from) by).
  double (*sum)(const float* z, int64_t columns, float from, float by);
  void (*mixed)(float* z, int64_t columns, const Mixture& mixture);
};

namespace portable { extern const Loops loops; }
namespace avx2 { extern const Loops loops; }
namespace avx512 { extern const Loops loops; }

}  // namespace anneal::distil
