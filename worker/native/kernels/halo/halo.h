// HALO: Hadamard-Assisted Lower-Precision Optimization for LLMs (Ashkboos et al. 2025). The three
// products of linear layers that read the same x, each of operands in 8 bits with one scale:
//
//   F   y_i  = q(x H) q(W_i H)^T + bias_i          x [.., m], W_i [n_i, m]; H rotates m (hadamard.h)
//   E   dx   = sum over i of q(dy_i) q(W_i)
//   G   dW_i = q(dy_i)^T q(x)
//
//   level   F         E, from what F made ("reuse")                      G
//   0       no H      q(dy) q(W)                                         q(dy)^T q(x)
//   1       H         [q(dy) q(WH)] H^T                                  [q(dy)^T q(xH)] H^T
//   2       H         B [q(B dy) q(WH)] H^T                              [q(dy)^T q(xH)] H^T
//   3       H         as 2                                               [q(B dy)^T q(B x H)] H^T
//
// B rotates tokens in blocks and is its own inverse. Without reuse ("textbook", levels 1 and 2) E
// and G quantize x and W again, not rotated; x and W are kept for that.
//
// codes_i and scales_i are quantize_rotated(W_i, format, level > 0 ? kind : 0): made once for all
// micro-batches of a step. A weight that is frozen is not read where they are reused. `block` is
// the most tokens that B mixes: the largest power of two that divides them where that is 32 or
// more, else tokens are filled up with zeros to a multiple of at most 256, and cut off behind B.
// Products are summed in 32 bits or float32, results have the type of x, dW that of W. format 0
// quantizes nothing: what is left is the plain products. On the CPU 8-bit numbers are multiplied by
// gemm.h; e4m3 exactly, which is no faster than bfloat16.
#pragma once

namespace anneal::halo {

inline constexpr const char* kSchemas[] = {
    "halo_linear_group(Tensor x, Tensor[] weights, Tensor[] codes, Tensor[] scales, Tensor?[] biases, int level, int format, "
    "bool reuse, int kind, int block) -> Tensor[]",
    // a b times both scales in float32, of int8 or e4m3 on a GPU.
    "_product_of_codes(Tensor a, Tensor b, Tensor a_scale, Tensor b_scale) -> Tensor",
};

}  // namespace anneal::halo
