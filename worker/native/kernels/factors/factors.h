// What an adapter computes of its own matrices: once for a sequence or a step, whatever its tokens.
//
//   factor_product           y = a b                           a [m, k], b [k, n]
//                            da = dy b^T      db = a^T dy
//   orthonormal_distance     y = |D|      D = rows rows^T - diag(of)      rows [r, n], of [r]
//                            drows = dy (2 / |D|) D rows      zero where |D| is zero
//
// `of` is ones where it is not given, and has no gradient. Both sides of the Gram matrix have the
// same derivative, since it is symmetric: the gradient is one product.
//
// On the CPU float32 is multiplied by gemm.h: the same bits for any number of threads. The squares
// of D are added in float64, in an order of its own. Other types and devices: libtorch.
#pragma once

namespace anneal::factors {

inline constexpr const char* kSchemas[] = {
    "factor_product(Tensor a, Tensor b) -> Tensor",
    "orthonormal_distance(Tensor rows, Tensor? of=None) -> Tensor",
};

}  // namespace anneal::factors
