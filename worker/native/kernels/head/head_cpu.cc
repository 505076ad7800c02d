// head.h on the CPU: chunks of rows x spans of the vocabulary.

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "../gemm/matrix.h"
#include "../isa.h"
#include "head_run.h"
#include "spans.h"

namespace anneal::head {

namespace {

using at::Tensor;
using gemm::kStrip;
using gemm::Matrix;
using gemm::matrix_of;
using gemm::PackedRows;
using gemm::Piece;
using gemm::turned;

struct Head {
  const Input& in;
  const Settings& set;
  const Loops& loops;
  Matrix h, weight;
  int64_t vocabulary, strips;
  bool gradient;
  Tensor logits;  // [chunk, vocabulary], or one span of it where no gradient is wanted
  int64_t ld;
  std::vector<Part> parts;  // [chunk, strips]
  std::vector<float> label_logit;
  std::vector<double> lse;

  float* z(int64_t row, int64_t column) const {
    return logits.mutable_data_ptr<float>() + row * ld + (gradient ? column : 0);
  }
  double weight_of(int64_t row) const {
    return set.inv_n * (in.row_weight.defined() ? in.row_weight.const_data_ptr<float>()[row] : 1.0);
  }

  // Logits of a span, each strip reduced to a Part by the thread that made it.
  void multiply(const PackedRows& rows, int64_t first, int64_t column, int64_t columns) {
    gemm::Output out{};
    out.data = z(0, column);
    out.ld = ld;
    out.storage = gemm::Storage::kFloat32;
    const int64_t* labels = in.labels.const_data_ptr<int64_t>() + first;
    gemm::multiply({{&rows, turned(rows_of(weight, column, columns))}}, columns, out, [&](const Piece& piece) {
      const int64_t from = column + piece.column;
      for (int64_t i = 0; i < piece.rows; ++i) {
        const int64_t row = piece.row + i, label = labels[row] - from;
        loops.strip(piece.data + i * piece.ld, piece.columns, static_cast<float>(set.scale),
                    static_cast<float>(set.cap), gradient, set.smoothing > 0,
                    label >= 0 && label < piece.columns ? label : -1, &parts[row * strips + from / kStrip],
                    &label_logit[row]);
      }
    });
  }

  // Strips → loss of a row; then Part.largest becomes the factor of the strip's exponentials.
  void finish_row(int64_t first, int64_t row, Sums& sums) {
    Part* strip = parts.data() + row * strips;
    float largest = strip[0].largest;
    for (int64_t i = 1; i < strips; ++i) largest = std::max(largest, strip[i].largest);
    double sum = 0, total = 0;
    for (int64_t i = 0; i < strips; ++i) {
      sum += strip[i].sum * std::exp(static_cast<double>(strip[i].largest) - largest);
      total += strip[i].total;
    }
    lse[row] = largest + std::log(sum);
    const double nll = lse[row] - label_logit[row], s = set.smoothing;
    in.nll.mutable_data_ptr<float>()[first + row] = static_cast<float>(nll);
    sums.nll += nll;
    sums.hits += label_logit[row] >= largest ? 1 : 0;
    const double smooth = s > 0 ? s * (lse[row] - total / static_cast<double>(vocabulary)) : 0;
    sums.objective += weight_of(first + row) * ((1 - s) * nll + smooth + set.z_loss * lse[row] * lse[row]);
    const double factor = weight_of(first + row) * set.scale * (1 + 2 * set.z_loss * lse[row]);
    if (!gradient || set.cap > 0) return;
    for (int64_t i = 0; i < strips; ++i)
      strip[i].largest = static_cast<float>(factor * std::exp(strip[i].largest - lse[row]));
  }

  // Exponentials (or capped logits) of a span → the derivative by u / scale, times scale.
  void derive(int64_t first, int64_t rows, int64_t column, int64_t columns) {
    const int64_t* labels = in.labels.const_data_ptr<int64_t>() + first;
    at::parallel_for(0, rows, 4, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) derive_row(row, weight_of(first + row), labels[row], column, columns);
    });
  }
  void derive_row(int64_t row, double weight, int64_t label, int64_t column, int64_t columns) const {
    const double base = weight * set.scale;
    const auto shift = static_cast<float>(-base * set.smoothing / static_cast<double>(vocabulary));
    const auto factor = static_cast<float>(base * (1 + 2 * set.z_loss * lse[row]));
    const auto cap = static_cast<float>(set.cap);
    for (int64_t from = column; from < column + columns; from += kStrip) {
      const int64_t count = std::min(kStrip, column + columns - from);
      if (cap > 0)
        loops.from_capped(z(row, from), count, static_cast<float>(lse[row]), factor, shift, cap);
      else
        loops.from_exponentials(z(row, from), count, parts[row * strips + from / kStrip].largest, shift);
    }
    if (label < column || label >= column + columns) return;
    const double slope = cap > 0 ? 1 - std::pow(label_logit[row] / set.cap, 2) : 1;
    *z(row, label) -= static_cast<float>(base * (1 - set.smoothing) * slope);
  }

  // dh and dE from the derivatives of a span.
  void propagate(int64_t first, int64_t rows, int64_t column, int64_t columns, const Tensor& dh) {
    const Matrix g{z(0, column), rows, columns, ld, gemm::Storage::kFloat32};
    if (set.need_dh) {
      const PackedRows packed(g, 0, rows);
      gemm::Output out = gemm::into(dh);
      out.accumulate = column > 0;
      gemm::multiply({{&packed, rows_of(weight, column, columns)}}, h.columns, out);
    }
    if (!in.dweight.defined()) return;
    gemm::Output out = gemm::into(in.dweight.narrow(0, column, columns));
    out.accumulate = true;
    gemm::product(turned(g), rows_of(h, first, rows), out);
  }

  void chunk(int64_t first, int64_t rows, Sums& sums) {
    {
      const PackedRows packed(h, first, rows);
      for (int64_t column = 0; column < vocabulary; column += kSpan)
        multiply(packed, first, column, std::min(kSpan, vocabulary - column));
    }
    for (int64_t row = 0; row < rows; ++row) finish_row(first, row, sums);
    if (!gradient) return;
    const bool direct = in.dh.scalar_type() == at::kFloat;
    const Tensor target = in.dh.numel() > 0 ? in.dh.narrow(0, first, rows) : in.dh;
    const Tensor dh = direct ? target : at::empty(target.sizes(), target.options().dtype(at::kFloat));
    for (int64_t column = 0; column < vocabulary; column += kSpan) {
      const int64_t columns = std::min(kSpan, vocabulary - column);
      derive(first, rows, column, columns);
      propagate(first, rows, column, columns, dh);
    }
    if (!direct) target.copy_(dh);
  }
};

}  // namespace

bool ours(const Input& in) { return gemm::ours({in.h, in.weight}); }

Sums run(const Input& in, const Settings& set) {
  const int64_t rows = in.h.size(0), vocabulary = in.weight.size(0);
  const bool gradient = set.need_dh || in.dweight.defined();
  const int64_t budget = in.dweight.defined() ? 64 << 20 : 32 << 20;  // each chunk passes over dweight
  const int64_t fits = std::clamp<int64_t>(budget / (4 * std::max<int64_t>(1, vocabulary)), 64, 512);
  const int64_t chunk = std::min(rows, set.chunk > 0 ? set.chunk : fits);
  const Tensor h = gemm::dense(in.h), weight = gemm::dense(in.weight);
  Head head{in, set, ANNEAL_CHOOSE(loops), matrix_of(h), matrix_of(weight), vocabulary,
            (vocabulary + kStrip - 1) / kStrip, gradient, {}, gradient ? vocabulary : std::min(kSpan, vocabulary),
            {}, {}, {}};
  head.logits = at::empty({chunk, head.ld}, h.options().dtype(at::kFloat));
  head.parts.resize(static_cast<size_t>(chunk * head.strips));
  head.label_logit.resize(static_cast<size_t>(chunk));
  head.lse.resize(static_cast<size_t>(chunk));
  Sums sums{};
  for (int64_t first = 0; first < rows; first += chunk) head.chunk(first, std::min(chunk, rows - first), sums);
  return sums;
}

}  // namespace anneal::head
