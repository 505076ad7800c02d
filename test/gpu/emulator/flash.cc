// libtorch's flash attention over packed documents, as its contract says, in operators of the
// processor: scores of a document at a time, causal with a window to the left or none, or whole
// with other keys than queries; sums [heads, tokens], infinite where a query sees nothing. It
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
#include <utility>
#include <vector>

#include "borrowed.h"
#include "memory.h"
#include "one_thread.h"

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

struct Span {
  int64_t from, length;
};

struct Document {
  Span queries, keys;
  bool causal;
  int64_t left;
  double scale;
  int64_t heads;
};

// [tokens, heads, size] → [query heads, length, size] of the document, in float32.
Tensor part(const Tensor& x, const Span& span, const Document& d) {
  const Tensor heads = x.narrow(0, span.from, span.length).to(at::kFloat).transpose(0, 1);
  return heads.repeat_interleave(d.heads / x.size(1), 0);
}

Tensor scores(const Tensor& q, const Tensor& k, const Document& d) {
  if (!d.causal) return at::matmul(q, k.transpose(1, 2)) * d.scale;
  const Tensor all = at::ones({d.queries.length, d.keys.length}, at::kBool);
  const Tensor far = d.left >= 0 ? all.tril(-d.left - 1) : at::zeros_like(all);
  return (at::matmul(q, k.transpose(1, 2)) * d.scale)
      .masked_fill(all.triu(1).logical_or(far), -std::numeric_limits<double>::infinity());
}

// Documents of one side, none longer than the caller says.
std::vector<Span> spans_of(const Tensor& cu, const c10::SymInt& longest) {
  TORCH_CHECK(cu.scalar_type() == at::kInt && cu.is_contiguous(), "cum_seq must be contiguous int32");
  const int32_t* at = cu.const_data_ptr<int32_t>();
  std::vector<Span> spans;
  for (int64_t i = 0; i + 1 < cu.numel(); ++i) {
    const int64_t length = at[i + 1] - at[i];
    TORCH_CHECK(length <= longest.expect_int(), "a document has ", length, " tokens, more than the most, ", longest);
    spans.push_back({at[i], length});
  }
  return spans;
}

std::vector<Document> documents_of(const std::vector<Span>& queries, const std::vector<Span>& keys, const Tensor& q,
                                   double scale, bool causal, const OptionalInt& left) {
  TORCH_CHECK(queries.size() == keys.size(), queries.size(), " documents of queries and ", keys.size(), " of keys");
  std::vector<Document> documents;
  for (size_t i = 0; i < queries.size(); ++i) {
    TORCH_CHECK(!causal || queries[i].length == keys[i].length, "this stand-in is causal over as many keys as queries");
    documents.push_back({queries[i], keys[i], causal, left ? left->expect_int() : -1, scale, q.size(1)});
  }
  return documents;
}

void check_call(const Tensor& q, double dropout, bool causal, const OptionalInt& left, const OptionalInt& right) {
  TORCH_CHECK(q.scalar_type() == at::kBFloat16 && q.size(2) % 8 == 0 && q.size(2) <= 256 && q.stride(2) == 1,
              "flash attention takes bfloat16 heads of multiples of 8 values, not ", q.scalar_type(), " ", q.sizes());
  TORCH_CHECK(dropout == 0 && left.has_value() == right.has_value() && (!right || (causal && *right == 0)),
              "this stand-in has windows that are causal, and drops nothing");
}

std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor>
forward(const Tensor& query, const Tensor& key, const Tensor& value, const OptionalTensor& cum_q, const OptionalTensor& cum_k,
        c10::SymInt most_q, c10::SymInt most_k, double dropout, bool causal, bool, std::optional<double> scale, OptionalInt left,
        OptionalInt right, const OptionalTensor&, const OptionalTensor&, const OptionalTensor&, std::optional<int64_t>) {
  check_built();
  check_call(query, dropout, causal, left, right);
  const int device = query.get_device();
  const Access access(device);
  const OneThread alone;
  Borrowed borrowed(device);
  const Tensor q = borrowed.lend(query), k = borrowed.lend(key), v = borrowed.lend(value);
  const Tensor cu_q = borrowed.lend(*cum_q), cu_k = borrowed.lend(*cum_k);
  const double unwritten = std::numeric_limits<double>::quiet_NaN();
  const Tensor out = at::full(q.sizes(), unwritten, q.options());
  const Tensor lse = at::full({q.size(1), q.size(0)}, unwritten, q.options().dtype(at::kFloat));
  for (const Document& d : documents_of(spans_of(cu_q, most_q), spans_of(cu_k, most_k), q, scale.value(), causal, left)) {
    const Tensor to = out.narrow(0, d.queries.from, d.queries.length), to_lse = lse.narrow(1, d.queries.from, d.queries.length);
    if (d.keys.length == 0) {
      to.zero_();
      to_lse.fill_(std::numeric_limits<double>::infinity());
      continue;
    }
    const Tensor s = scores(part(q, d.queries, d), part(k, d.keys, d), d), sums = at::logsumexp(s, at::IntArrayRef{2});
    to_lse.copy_(sums);
    to.copy_(at::matmul(at::exp(s - sums.unsqueeze(2)), part(v, d.keys, d)).transpose(0, 1));
  }
  const Tensor none = at::empty({2}, at::kLong);
  return {borrowed.give_back(out), borrowed.give_back(lse), borrowed.give_back(none), borrowed.give_back(none.clone()),
          borrowed.give_back(none.clone())};
}

// Gradients of the query heads that share a kv head, added up.
void give(const Tensor& gradient, const Tensor& to, const Span& span, const Document& d) {
  const Tensor grouped = gradient.view({to.size(1), d.heads / to.size(1), span.length, to.size(2)}).sum(1);
  to.narrow(0, span.from, span.length).copy_(grouped.transpose(0, 1));
}

std::tuple<Tensor, Tensor, Tensor> backward(const Tensor& grad_out, const Tensor& query, const Tensor& key, const Tensor& value,
                                            const Tensor& output, const Tensor& sums, const Tensor& cum_q, const Tensor& cum_k,
                                            c10::SymInt most_q, c10::SymInt most_k, double dropout, bool causal, const Tensor&,
                                            const Tensor&, std::optional<double> scale, OptionalInt left, OptionalInt right) {
  check_built();
  check_call(query, dropout, causal, left, right);
  TORCH_CHECK(at::globalContext().deterministicAlgorithms(), "flash attention adds gradients of queries in no order");
  TORCH_CHECK(sums.is_contiguous() && sums.size(0) == query.size(1) && sums.size(1) == query.size(0),
              "logsumexp is ", sums.sizes(), "; it must be [heads, tokens]");
  const int device = query.get_device();
  const Access access(device);
  const OneThread alone;
  Borrowed borrowed(device);
  const Tensor q = borrowed.lend(query), k = borrowed.lend(key), v = borrowed.lend(value);
  const Tensor cu_q = borrowed.lend(cum_q), cu_k = borrowed.lend(cum_k);
  const Tensor grad = borrowed.lend(grad_out), out = borrowed.lend(output), lse = borrowed.lend(sums);
  const double unwritten = std::numeric_limits<double>::quiet_NaN();
  const Tensor dq = at::full(q.sizes(), unwritten, q.options());
  const Tensor dk = at::full(k.sizes(), unwritten, k.options()), dv = at::full(v.sizes(), unwritten, v.options());
  for (const Document& d : documents_of(spans_of(cu_q, most_q), spans_of(cu_k, most_k), q, scale.value(), causal, left)) {
    const auto [queries, keys] = std::pair(d.queries, d.keys);
    const Tensor mine = part(grad, queries, d), weights = at::exp(scores(part(q, queries, d), part(k, keys, d), d) -
                                                                  lse.narrow(1, queries.from, queries.length).unsqueeze(2));
    const Tensor delta = (mine * part(out, queries, d)).sum(2, true);
    const Tensor ds = weights * (at::matmul(mine, part(v, keys, d).transpose(1, 2)) - delta) * d.scale;
    give(at::matmul(ds, part(k, keys, d)), dq, queries, d);
    give(at::matmul(ds.transpose(1, 2), part(q, queries, d)), dk, keys, d);
    give(at::matmul(weights.transpose(1, 2), mine), dv, keys, d);
  }
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
