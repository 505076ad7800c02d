// Schemas and CPU entries of codebook.h.

#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>
#include <torch/library.h>

#include <algorithm>
#include <limits>
#include <tuple>
#include <type_traits>
#include <vector>

#include "../isa.h"
#include "codebook_arguments.h"
#define ANNEAL_ISA wide
#include "coded_loops.h"
#undef ANNEAL_ISA

namespace anneal::codebook {

namespace {

using at::Tensor;

constexpr int64_t kGrain = 1 << 14; // values

// Codes beyond a codebook would read beyond it; with 256 entries there are none.
void check_range(const Tensor& codes, int entries) {
  if (entries == kMostEntries || codes.numel() == 0) return;
  const uint8_t* first = codes.const_data_ptr<uint8_t>();
  const int largest = *std::max_element(first, first + codes.numel());
  TORCH_CHECK(largest < entries, "a code is ", largest, "; the codebooks have ", entries, " entries");
}

template <class S>
Coded<S> coded_of(const Tensor& codes, const Tensor& codebooks, const Tensor& scales) {
  const Sizes size = check_matrix(codes, codebooks, scales);
  check_range(codes, size.entries);
  return {size, codes.const_data_ptr<uint8_t>(), codebooks.const_data_ptr<S>(), scales.const_data_ptr<S>()};
}

int64_t rows_at_once(const Sizes& size) {
  return std::max<int64_t>(1, kGrain / std::max<int64_t>(1, size.groups * size.values));
}

template <class T> void decode_doubles(const Coded<double>& w, T* out) {
  const int64_t columns = w.size.groups * w.size.values;
  at::parallel_for(0, w.size.rows, rows_at_once(w.size), [&](int64_t first, int64_t last) {
    wide::with_values(w.size.values, [&]<int G>() { wide::decode_rows<G>(w, first, last, out + first * columns); });
  });
}

Tensor decode_float(const Coded<float>& w, const Tensor& out) {
  const int64_t columns = w.size.groups * w.size.values;
  at::parallel_for(0, w.size.rows, rows_at_once(w.size), [&](int64_t first, int64_t last) {
    if (out.scalar_type() == at::kFloat)
      ANNEAL_CHOOSE(decode)(w, first, last, out.mutable_data_ptr<float>() + first * columns);
    else
      ANNEAL_CHOOSE(decode_bfloat16)
      (w, first, last, static_cast<uint16_t*>(out.mutable_data_ptr()) + first * columns);
  });
  return out;
}

Tensor decode_cpu(const Tensor& codes, const Tensor& codebooks, const Tensor& scales, at::ScalarType dtype) {
  const bool isDouble = codebooks.scalar_type() == at::kDouble;
  check_decoded(codebooks, dtype);
  const Sizes size = check_matrix(codes, codebooks, scales);
  const Tensor out = at::empty({size.rows, size.groups * size.values}, codebooks.options().dtype(dtype));
  if (!isDouble) return decode_float(coded_of<float>(codes, codebooks, scales), out);
  const auto w = coded_of<double>(codes, codebooks, scales);
  if (dtype == at::kDouble)
    decode_doubles(w, out.mutable_data_ptr<double>());
  else
    decode_doubles(w, out.mutable_data_ptr<float>());
  return out;
}

template <class S>
std::tuple<Tensor, Tensor> gradient_of(const Coded<S>& w, const Tensor& gradient, const Tensor& codebooks) {
  const Sizes& size = w.size;
  const int64_t table = codebooks.numel(), chunks = std::min<int64_t>(kChunks, size.rows);
  const Tensor tables = at::zeros({chunks, table}, codebooks.options());
  const Tensor scales = at::empty({size.rows}, codebooks.options());
  const S* from = gradient.const_data_ptr<S>();
  S *to = tables.mutable_data_ptr<S>(), *own = scales.mutable_data_ptr<S>();
  at::parallel_for(0, chunks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t chunk = begin; chunk < end; ++chunk) {
      const int64_t first = chunk * size.rows / chunks, last = (chunk + 1) * size.rows / chunks;
      S* const place = to + chunk * table;
      if constexpr (std::is_same_v<S, float>)
        ANNEAL_CHOOSE(gradient)(w, from, first, last, place, own);
      else
        wide::with_values(size.values,
                          [&]<int G>() { wide::gradient_rows<G>(w, from, first, last, place, own); });
    }
  });
  const Tensor sum = at::empty_like(codebooks);
  S* const out = sum.mutable_data_ptr<S>();
  for (int64_t i = 0; i < table; ++i) {
    double total = 0;
    for (int64_t chunk = 0; chunk < chunks; ++chunk)
      total += to[chunk * table + i];
    out[i] = static_cast<S>(total);
  }
  return {sum, scales};
}

std::tuple<Tensor, Tensor> gradient_cpu(const Tensor& codes, const Tensor& codebooks, const Tensor& scales,
                                        const Tensor& gradient) {
  check_gradient(check_matrix(codes, codebooks, scales), codebooks, gradient);
  if (codebooks.scalar_type() == at::kDouble)
    return gradient_of(coded_of<double>(codes, codebooks, scales), gradient, codebooks);
  return gradient_of(coded_of<float>(codes, codebooks, scales), gradient, codebooks);
}

Tensor search_cpu(const Tensor& targets, const Tensor& codebooks, const Tensor& codes, at::IntArrayRef order,
                  int64_t beam) {
  const Sizes size = check_search(targets, codebooks, codes, beam);
  check_range(codes, size.entries);
  const std::vector<int> visited = order_of(order, size.codebooks);
  constexpr int64_t lanes = 16; // of the widest vectors
  const int64_t padded = (size.entries + lanes - 1) / lanes * lanes, missing = padded - size.entries;
  const Tensor turned = at::constant_pad_nd(codebooks.transpose(1, 2), {0, missing}).contiguous();
  const Tensor half =
      at::constant_pad_nd(codebooks.square().sum(2).mul_(0.5), {0, missing}, std::numeric_limits<float>::infinity())
          .contiguous();
  const Tensor found = at::empty_like(codes);
  const Search search{size.codebooks, size.entries, size.values, static_cast<int>(beam), static_cast<int>(padded),
                      targets.const_data_ptr<float>(), codebooks.const_data_ptr<float>(),
                      turned.const_data_ptr<float>(), half.const_data_ptr<float>(), codes.const_data_ptr<uint8_t>(),
                      visited.data(), found.mutable_data_ptr<uint8_t>()};
  Find* const find = ANNEAL_CHOOSE(find);
  at::parallel_for(0, size.rows, 256, [&](int64_t first, int64_t last) { find(search, first, last); });
  return found;
}

} // namespace

TORCH_LIBRARY_FRAGMENT(anneal, m) {
  for (const char* schema : kSchemas)
    m.def(schema);
}
TORCH_LIBRARY_IMPL(anneal, CPU, m) {
  m.impl("codebook_decode", TORCH_FN(decode_cpu));
  m.impl("codebook_gradient", TORCH_FN(gradient_cpu));
  m.impl("codebook_search", TORCH_FN(search_cpu));
}

} // namespace anneal::codebook
