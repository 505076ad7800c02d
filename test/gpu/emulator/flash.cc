// libtorch's flash attention over packed documents, as its contract says, in operators of the
// processor: scores of a document at a time, causal, a window to the left, sums [heads, tokens]. It
// stands in where ANNEAL_EMULATED_FLASH is 1; without it the device is one whose libtorch was built
// without flash attention. Rows outside of all documents stay unwritten, as there.
#include <ATen/Context.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/full.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros_like.h>
#include <torch/library.h>

#include <atomic>
#include <cstdlib>
#include <limits>
#include <tuple>

#include "borrowed.h"
#include "memory.h"

namespace emulator {

namespace {

using at::Tensor;
using OptionalTensor = std::optional<Tensor>;
using OptionalInt = std::optional<c10::SymInt>;

std::atomic<int64_t> calls{0};

void check_built() {
  const char* built = std::getenv("ANNEAL_EMULATED_FLASH");
  TORCH_CHECK(built != nullptr && std::string(built) == "1", "USE_FLASH_ATTENTION was not enabled for build.");
  calls += 1;
}

struct Document {
  int64_t from, length, left;
  double scale;
  int64_t heads;
};

// [tokens, heads, size] → [query heads, length, size] of the document, in float32.
Tensor part(const Tensor& x, const Document& d) {
  const Tensor heads = x.narrow(0, d.from, d.length).to(at::kFloat).transpose(0, 1);
  return heads.repeat_interleave(d.heads / x.size(1), 0);
}

Tensor scores(const Tensor& q, const Tensor& k, const Document& d) {
  const Tensor all = at::ones({d.length, d.length}, at::kBool);
  const Tensor far = d.left >= 0 ? all.tril(-d.left - 1) : at::zeros_like(all);
  return (at::matmul(q, k.transpose(1, 2)) * d.scale)
      .masked_fill(all.triu(1).logical_or(far), -std::numeric_limits<double>::infinity());
}

// body(document) for each of cum_seq.
template <class Body>
void each_document(const Tensor& cu, const Tensor& q, int64_t longest, double scale, const OptionalInt& left, Body body) {
  TORCH_CHECK(cu.scalar_type() == at::kInt && cu.is_contiguous(), "cum_seq must be contiguous int32");
  const int32_t* at = cu.const_data_ptr<int32_t>();
  for (int64_t i = 0; i + 1 < cu.numel(); ++i) {
    const int64_t length = at[i + 1] - at[i];
    TORCH_CHECK(length <= longest, "a document has ", length, " tokens, more than max_q, ", longest);
    if (length > 0) body(Document{at[i], length, left ? left->expect_int() : -1, scale, q.size(1)});
  }
}

void check_call(const Tensor& q, double dropout, bool causal, const OptionalInt& left, const OptionalInt& right) {
  TORCH_CHECK(q.scalar_type() == at::kBFloat16 && q.size(2) % 8 == 0 && q.size(2) <= 256 && q.stride(2) == 1,
              "flash attention takes bfloat16 heads of multiples of 8 values, not ", q.scalar_type(), " ", q.sizes());
  TORCH_CHECK(dropout == 0 && causal && left.has_value() == right.has_value() && (!right || *right == 0),
              "this stand-in is causal and drops nothing");
}

std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor>
forward(const Tensor& query, const Tensor& key, const Tensor& value, const OptionalTensor& cu_q, const OptionalTensor&,
        c10::SymInt longest, c10::SymInt, double dropout, bool causal, bool, std::optional<double> scale, OptionalInt left,
        OptionalInt right, const OptionalTensor&, const OptionalTensor&, const OptionalTensor&, std::optional<int64_t>) {
  check_built();
  check_call(query, dropout, causal, left, right);
  const int device = query.get_device();
  const Access access(device);
  Borrowed borrowed(device);
  const Tensor q = borrowed.lend(query), k = borrowed.lend(key), v = borrowed.lend(value), cu = borrowed.lend(*cu_q);
  const double unwritten = std::numeric_limits<double>::quiet_NaN();
  const Tensor out = at::full(q.sizes(), unwritten, q.options());
  const Tensor lse = at::full({q.size(1), q.size(0)}, unwritten, q.options().dtype(at::kFloat));
  each_document(cu, q, longest.expect_int(), scale.value(), left, [&](const Document& d) {
    const Tensor s = scores(part(q, d), part(k, d), d), sums = at::logsumexp(s, at::IntArrayRef{2});
    lse.narrow(1, d.from, d.length).copy_(sums);
    out.narrow(0, d.from, d.length).copy_(at::matmul(at::exp(s - sums.unsqueeze(2)), part(v, d)).transpose(0, 1));
  });
  const Tensor none = at::empty({2}, at::kLong);
  return {borrowed.give_back(out), borrowed.give_back(lse), borrowed.give_back(none), borrowed.give_back(none.clone()),
          borrowed.give_back(none.clone())};
}

// Gradients of the query heads that share a kv head, added up.
void give(const Tensor& gradient, const Tensor& to, const Document& d) {
  const Tensor grouped = gradient.view({to.size(1), d.heads / to.size(1), d.length, to.size(2)}).sum(1);
  to.narrow(0, d.from, d.length).copy_(grouped.transpose(0, 1));
}

std::tuple<Tensor, Tensor, Tensor> backward(const Tensor& grad_out, const Tensor& query, const Tensor& key, const Tensor& value,
                                            const Tensor& output, const Tensor& sums, const Tensor& cu_q, const Tensor&,
                                            c10::SymInt longest, c10::SymInt, double dropout, bool causal, const Tensor&,
                                            const Tensor&, std::optional<double> scale, OptionalInt left, OptionalInt right) {
  check_built();
  check_call(query, dropout, causal, left, right);
  TORCH_CHECK(at::globalContext().deterministicAlgorithms(), "flash attention adds gradients of queries in no order");
  TORCH_CHECK(sums.is_contiguous() && sums.size(0) == query.size(1) && sums.size(1) == query.size(0),
              "logsumexp is ", sums.sizes(), "; it must be [heads, tokens]");
  const int device = query.get_device();
  const Access access(device);
  Borrowed borrowed(device);
  const Tensor q = borrowed.lend(query), k = borrowed.lend(key), v = borrowed.lend(value), cu = borrowed.lend(cu_q);
  const Tensor grad = borrowed.lend(grad_out), out = borrowed.lend(output), lse = borrowed.lend(sums);
  const double unwritten = std::numeric_limits<double>::quiet_NaN();
  const Tensor dq = at::full(q.sizes(), unwritten, q.options());
  const Tensor dk = at::full(k.sizes(), unwritten, k.options()), dv = at::full(v.sizes(), unwritten, v.options());
  each_document(cu, q, longest.expect_int(), scale.value(), left, [&](const Document& d) {
    const Tensor mine = part(grad, d), weights = at::exp(scores(part(q, d), part(k, d), d) -
                                                         lse.narrow(1, d.from, d.length).unsqueeze(2));
    const Tensor delta = (mine * part(out, d)).sum(2, true);
    const Tensor ds = weights * (at::matmul(mine, part(v, d).transpose(1, 2)) - delta) * d.scale;
    give(at::matmul(ds, part(k, d)), dq, d);
    give(at::matmul(ds.transpose(1, 2), part(q, d)), dk, d);
    give(at::matmul(weights.transpose(1, 2), mine), dv, d);
  });
  return {borrowed.give_back(dq), borrowed.give_back(dk), borrowed.give_back(dv)};
}

TORCH_LIBRARY_IMPL(aten, CUDA, m) {
  m.impl("_flash_attention_forward", TORCH_FN(forward));
  m.impl("_flash_attention_backward", TORCH_FN(backward));
}

TORCH_LIBRARY_FRAGMENT(anneal_emulator, m) {
  m.def("flash_calls() -> int", [] { return calls.load(); });
}

} // namespace

} // namespace emulator
