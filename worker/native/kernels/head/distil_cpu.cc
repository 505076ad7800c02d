// distil.h on the CPU: chunks of rows, each row by one thread.

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>

#include <cmath>
#include <limits>
#include <vector>

#include "../gemm/matrix.h"
#include "../isa.h"
#include "distil_run.h"
#include "spans.h"

namespace anneal::distil {

namespace {

using at::Tensor;
using gemm::Matrix;
using gemm::matrix_of;
using gemm::PackedRows;
using gemm::turned;
using head::kSpan;
using head::rows_of;

constexpr float kNone = -std::numeric_limits<float>::infinity();

// body(first column, columns) for each span of the vocabulary.
template <class Body>
void each_span(int64_t vocabulary, Body body) {
  for (int64_t column = 0; column < vocabulary; column += kSpan) body(column, std::min(kSpan, vocabulary - column));
}

// Logits of a chunk of rows.
void multiply(const Tensor& h, const Tensor& weight, int64_t first, int64_t rows, const Tensor& logits) {
  const PackedRows packed(matrix_of(h), first, rows);
  each_span(weight.size(0), [&](int64_t column, int64_t columns) {
    const gemm::Output out = gemm::into(logits.narrow(0, 0, rows).narrow(1, column, columns));
    gemm::multiply({{&packed, turned(rows_of(matrix_of(weight), column, columns))}}, columns, out);
  });
}

// Log of the sum of exp(z by), of values apart and of all others.
struct Rest {
  float largest = kNone;
  double sum = 0;  // of exp((z - largest) by)
  double log_sum = -std::numeric_limits<double>::infinity();
};

// The values at the ids leave the row, which has -inf there then.
Rest take_out(const Loops& loops, float* z, int64_t columns, const int32_t* ids, int64_t k, float by, float* picked) {
  for (int64_t j = 0; j < k; ++j) {
    picked[j] = z[ids[j]];
    z[ids[j]] = kNone;
  }
  Rest rest;
  rest.largest = loops.largest(z, columns);
  if (rest.largest == kNone) return rest;
  rest.sum = loops.sum(z, columns, rest.largest, by);
  rest.log_sum = static_cast<double>(rest.largest) * by + std::log(rest.sum);
  return rest;
}

double log_sum(const float* picked, int64_t k, double by, double other) {
  double top = other;
  for (int64_t j = 0; j < k; ++j) top = std::max(top, picked[j] * by);
  double sum = std::exp(other - top);
  for (int64_t j = 0; j < k; ++j) sum += std::exp(picked[j] * by - top);
  return top + std::log(sum);
}

struct Row {
  double nll, divergence;
  bool hit;
};

// One row of logits to its loss and, in place, its gradient.
Row row_of(const Loops& loops, const Input& in, const Settings& set, int64_t row, float* z, float* picked) {
  const int64_t columns = in.weight.size(0), k = in.ids.size(1), label = in.labels.const_data_ptr<int64_t>()[row];
  const int32_t* ids = in.ids.const_data_ptr<int32_t>() + row * k;
  const float* log_q = in.log_q.const_data_ptr<float>() + row * (k + 1);
  const double by = 1 / set.temperature, soft = set.mix * by * set.inv_n, hard = (1 - set.mix) * set.inv_n;
  loops.capped(z, columns, static_cast<float>(set.cap));
  const float largest = loops.largest(z, columns), label_logit = z[label];
  const double lse = largest + std::log(loops.sum(z, columns, largest, 1));
  const Rest rest = take_out(loops, z, columns, ids, k, static_cast<float>(by), picked);
  const double tempered = log_sum(picked, k, by, rest.log_sum);
  const double r = rest.largest == kNone ? 0 : std::exp(static_cast<double>(log_q[k]));
  Row out{lse - label_logit, r > 0 ? r * (log_q[k] - (rest.log_sum - tempered)) : 0, label_logit >= largest};
  Mixture m{static_cast<float>(hard), static_cast<float>(lse), 0, rest.largest, static_cast<float>(by),
            static_cast<float>(set.cap)};
  if (rest.largest != kNone)
    m.b = static_cast<float>(soft * (std::exp(rest.largest * by - tempered) - r / rest.sum));
  loops.mixed(z, columns, m);
  const auto slope = [&](double x) { return set.cap > 0 ? 1 - (x / set.cap) * (x / set.cap) : 1; };
  for (int64_t j = 0; j < k; ++j) {
    const double q = std::exp(static_cast<double>(log_q[j])), log_p = picked[j] * by - tempered;
    if (q > 0) out.divergence += q * (log_q[j] - log_p);
    const double g = hard * std::exp(picked[j] - lse) + soft * (std::exp(log_p) - q);
    z[ids[j]] = static_cast<float>(g * slope(picked[j]));
  }
  z[label] -= static_cast<float>(hard * slope(label_logit));
  return out;
}

// dh and dE of a chunk from the derivatives by its logits.
void propagate(const Input& in, const Tensor& h, const Tensor& weight, const Tensor& logits, int64_t first,
               int64_t rows) {
  const Tensor target = in.dh.narrow(0, first, rows);
  const bool direct = target.scalar_type() == at::kFloat;
  const Tensor dh = direct ? target : at::empty(target.sizes(), target.options().dtype(at::kFloat));
  each_span(weight.size(0), [&](int64_t column, int64_t columns) {
    const Matrix g{logits.const_data_ptr<float>() + column, rows, columns, logits.size(1), gemm::Storage::kFloat32};
    {
      const PackedRows packed(g, 0, rows);
      gemm::Output out = gemm::into(dh);
      out.accumulate = column > 0;
      gemm::multiply({{&packed, rows_of(matrix_of(weight), column, columns)}}, weight.size(1), out);
    }
    if (!in.dweight.defined()) return;
    gemm::Output out = gemm::into(in.dweight.narrow(0, column, columns));
    out.accumulate = true;
    gemm::product(turned(g), rows_of(matrix_of(h), first, rows), out);
  });
  if (!direct) target.copy_(dh);
}

// The k largest of a row, the most likely first, of equal ones the lower.
void choose(const float* z, int64_t columns, int64_t k, int32_t* ids) {
  const auto before = [&](int32_t a, int32_t b) { return z[a] > z[b] || (z[a] == z[b] && a < b); };
  int64_t held = 0;  // a heap, at its front the one that leaves first
  for (int64_t at = 0; at < columns; ++at) {
    const auto one = static_cast<int32_t>(at);
    if (held < k) {
      ids[held++] = one;
      std::push_heap(ids, ids + held, before);
    } else if (before(one, ids[0])) {
      std::pop_heap(ids, ids + k, before);
      ids[k - 1] = one;
      std::push_heap(ids, ids + k, before);
    }
  }
  std::sort_heap(ids, ids + k, before);
}

void top_of(const Loops& loops, const Top& top, const Settings& set, int64_t row, float* z, float* picked) {
  const int64_t columns = top.weight.size(0), k = top.ids.size(1);
  int32_t* ids = top.ids.mutable_data_ptr<int32_t>() + row * k;
  float* log_q = top.log_q.mutable_data_ptr<float>() + row * (k + 1);
  const double by = 1 / set.temperature;
  loops.capped(z, columns, static_cast<float>(set.cap));
  choose(z, columns, k, ids);
  const Rest rest = take_out(loops, z, columns, ids, k, static_cast<float>(by), picked);
  const double tempered = log_sum(picked, k, by, rest.log_sum);
  for (int64_t j = 0; j < k; ++j) log_q[j] = static_cast<float>(picked[j] * by - tempered);
  log_q[k] = static_cast<float>(rest.log_sum - tempered);
}

Tensor empty_logits(const Tensor& h, int64_t rows, int64_t columns) {
  return at::empty({rows, columns}, h.options().dtype(at::kFloat));
}

// Logits of rows [first, first + rows), then `body` for each: its logits, and memory for k more
// values.
template <class Body>
void each_row(const Tensor& h, const Tensor& weight, int64_t first, int64_t rows, int64_t k, const Tensor& logits,
              const Body& body) {
  multiply(h, weight, first, rows, logits);
  float* z = logits.mutable_data_ptr<float>();
  at::parallel_for(0, rows, 1, [&](int64_t begin, int64_t end) {
    std::vector<float> picked(static_cast<size_t>(k));
    for (int64_t row = begin; row < end; ++row) body(first + row, z + row * logits.size(1), picked.data());
  });
}

}  // namespace

Sums run(const Input& in, const Settings& set) {
  const Loops& loops = ANNEAL_CHOOSE(loops);
  const int64_t rows = in.h.size(0), columns = in.weight.size(0), k = in.ids.size(1);
  const int64_t chunk = chunk_of(rows, columns, set, in.dweight.defined() ? 64 << 20 : 32 << 20);
  const Tensor h = gemm::dense(in.h), weight = gemm::dense(in.weight), logits = empty_logits(h, chunk, columns);
  std::vector<Row> done(static_cast<size_t>(rows));
  for (int64_t first = 0; first < rows; first += chunk) {
    const int64_t count = std::min(chunk, rows - first);
    each_row(h, weight, first, count, k, logits, [&](int64_t row, float* z, float* picked) {
      done[static_cast<size_t>(row)] = row_of(loops, in, set, row, z, picked);
    });
    propagate(in, h, weight, logits, first, count);
  }
  Sums sums{};
  for (int64_t row = 0; row < rows; ++row) {
    const Row& one = done[static_cast<size_t>(row)];
    in.nll.mutable_data_ptr<float>()[row] = static_cast<float>(one.nll);
    in.divergence.mutable_data_ptr<float>()[row] = static_cast<float>(one.divergence);
    sums.nll += one.nll;
    sums.divergence += one.divergence;
    sums.objective += set.inv_n * ((1 - set.mix) * one.nll + set.mix * one.divergence);
    sums.hits += one.hit ? 1 : 0;
  }
  return sums;
}

void run(const Top& top, const Settings& set) {
  const Loops& loops = ANNEAL_CHOOSE(loops);
  const int64_t rows = top.h.size(0), columns = top.weight.size(0), k = top.ids.size(1);
  const int64_t chunk = chunk_of(rows, columns, set, 32 << 20);
  const Tensor h = gemm::dense(top.h), weight = gemm::dense(top.weight), logits = empty_logits(h, chunk, columns);
  for (int64_t first = 0; first < rows; first += chunk) {
    each_row(h, weight, first, std::min(chunk, rows - first), k, logits, [&](int64_t row, float* z, float* picked) {
      top_of(loops, top, set, row, z, picked);
    });
  }
}

}  // namespace anneal::distil
