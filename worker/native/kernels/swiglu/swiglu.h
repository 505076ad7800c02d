// The gate of a gated MLP: y = act(gate) * up, act 0 silu, 1 gelu (tanh form), 2 gelu.
//
// gate and up [..., I] of one shape, float64, float32 or bfloat16 (2-dimensional strided views with
// a dense last dimension are read in place, so halves of a fused product need no copy). Arithmetic
// in float32 (float64 for float64), one rounding. Saved for the backward: gate and up; the
// activation is computed again and both gradients are written in one pass.
#pragma once

#include "../rows/rows.h"

namespace anneal::swiglu {

inline constexpr const char* kSchemas[] = {
    "swiglu(Tensor gate, Tensor up, int activation=0) -> Tensor",
    "_swiglu_forward(Tensor gate, Tensor up, int activation) -> Tensor",
    "_swiglu_backward(Tensor grad, Tensor gate, Tensor up, int activation) -> (Tensor dgate, "
    "Tensor dup)",
};

enum class Activation { kSilu, kGeluTanh, kGelu };

struct Gate {
  rows::Rows gate;
  rows::Rows up;
  rows::Rows grad; // backward only
  void* y;         // forward only; contiguous
  void* dgate;     // backward only; contiguous
  void* dup;
  int64_t size;
};

using Loop = void (*)(const Gate& g, int64_t begin, int64_t end);
struct Loops {
  Loop forward;
  Loop backward;
};

namespace portable {
const Loops& loops(rows::Element element, Activation activation);
}
namespace avx2 {
const Loops& loops(rows::Element element, Activation activation);
}
namespace avx512 {
const Loops& loops(rows::Element element, Activation activation);
}

} // namespace anneal::swiglu
