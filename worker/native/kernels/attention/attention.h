// Causal attention over the documents of a packed sequence.
//
//   out[i] = sum over j of softmax_j(cap(scale q[i].k[j])) v[j],  j <= i, same document, j > i -
//   window
//
// q [T, NH, D], k and v [T, NK, D] (strided views whose last dimension is dense), float64, float32
// or bfloat16; NH is a multiple of NK and query head h reads kv head h NK / NH. `cu` int32
// [documents + 1]: token offsets, ascending; tokens outside of all documents get zeros. window 0:
// none; cap 0: none, else cap(s) = cap tanh(s / cap), before the mask.
//
// Saved for the backward: q, k, v, out and lse [T, NH], the natural logarithm of the sum of exp. No
// buffer grows with the square of T.
#pragma once

namespace anneal::attention {

inline constexpr const char* kSchema = "attention(Tensor q, Tensor k, Tensor v, Tensor cu, float "
                                       "scale, int window=0, float cap=0.) -> Tensor";
inline constexpr const char* kForwardSchema = "_attention_forward(Tensor q, Tensor k, Tensor v, "
                                              "Tensor cu, float scale, int window, float cap) "
                                              "-> (Tensor out, Tensor lse)";
inline constexpr const char* kBackwardSchema =
    "_attention_backward(Tensor grad, Tensor q, Tensor k, Tensor v, Tensor out, Tensor lse, Tensor "
    "cu, "
    "float scale, int window, float cap) -> (Tensor dq, Tensor dk, Tensor dv)";

} // namespace anneal::attention
