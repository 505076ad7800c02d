// Attention over the documents of packed sequences.
//
//   out[i] = sum over j of softmax_j(cap(scale q[i].k[j])) v[j],  j of i's document,
//   and where causal: i - window < j <= i
//
// q [T, NH, D], k and v [S, NK, D] (strided views whose last dimension is dense), float64, float32
// or bfloat16; NH is a multiple of NK and query head h reads kv head h NK / NH. `cu` int32
// [documents + 1]: token offsets of the queries, ascending; `cu_k`, of as many documents, those of
// the keys, for cross-attention; null: S is T, and keys lie as queries do. Without causal a query
// sees all keys of the document of its index: windows and `cu_k` go with causal and without it.
// window 0: none; cap 0: none, else cap(s) = cap tanh(s / cap), before the mask.
//
// Tokens outside of all documents get zeros, and so do those whose document has no token on the
// other side, with their gradients.
//
// Saved for the backward: q, k, v, out and lse [T, NH], the natural logarithm of the sum of exp. No
// buffer grows with T S.
#pragma once

namespace anneal::attention {

inline constexpr const char* kSchema = "attention(Tensor q, Tensor k, Tensor v, Tensor cu, float "
                                       "scale, int window=0, float cap=0., *, bool causal=True, "
                                       "Tensor? cu_k=None) -> Tensor";
inline constexpr const char* kForwardSchema = "_attention_forward(Tensor q, Tensor k, Tensor v, "
                                              "Tensor cu, Tensor? cu_k, float scale, int window, "
                                              "float cap, bool causal) -> (Tensor out, Tensor lse)";
inline constexpr const char* kBackwardSchema =
    "_attention_backward(Tensor grad, Tensor q, Tensor k, Tensor v, Tensor out, Tensor lse, Tensor "
    "cu, Tensor? cu_k, float scale, int window, float cap, bool causal) -> (Tensor dq, Tensor dk, "
    "Tensor dv)";

} // namespace anneal::attention
