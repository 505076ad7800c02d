// CUDA entries of codebook.h. Decoding: one thread a group. Gradient: one warp a chunk of rows and
// a codebook, a lane a value, so that no two threads add to one place and the sum has one order.
// Search: one thread a target.

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/zeros.h>
#include <torch/library.h>

#include <tuple>

#include "../device.cuh"
#include "codebook_arguments.h"
#include "hypothesis.h"

namespace anneal::codebook {

namespace {

using namespace device;
using at::Tensor;

// The host cannot look at codes without waiting: one beyond its codebook makes NaN, and nothing is
// read or written for it.
template <class S> __device__ inline S sum_at(const Coded<S>& w, const uint8_t* code, int i) {
  S sum = 0;
  for (int k = 0; k < w.size.codebooks; ++k)
    sum += code[k] < w.size.entries
               ? w.codebooks[(static_cast<int64_t>(k) * w.size.entries + code[k]) * w.size.values + i]
               : static_cast<S>(NAN);
  return sum;
}

template <class S, class T> __global__ void decode_kernel(Coded<S> w, T* out) {
  const int64_t all = w.size.rows * w.size.groups;
  for (int64_t at = first_index(); at < all; at += index_stride()) {
    const S scale = w.scales[at / w.size.groups];
    for (int i = 0; i < w.size.values; ++i)
      store(out[at * w.size.values + i], scale * sum_at(w, w.codes + at * w.size.codebooks, i));
  }
}

// Block (chunk, k): tables [chunks, K, entries, g]. The block of the first codebook writes ds too.
template <class S>
__global__ void gradient_kernel(Coded<S> w, const S* gradient, S* tables, S* scales) {
  const int64_t chunk = blockIdx.x, chunks = gridDim.x;
  const int k = static_cast<int>(blockIdx.y), lane = static_cast<int>(threadIdx.x), g = w.size.values;
  const int64_t first = chunk * w.size.rows / chunks, last = (chunk + 1) * w.size.rows / chunks;
  S* const table = tables + (chunk * w.size.codebooks + k) * w.size.entries * g;
  for (int64_t row = first; row < last; ++row) {
    const S scale = w.scales[row];
    S own = 0;
    for (int64_t j = 0; j < w.size.groups && lane < g; ++j) {
      const int64_t at = row * w.size.groups + j;
      const uint8_t* code = w.codes + at * w.size.codebooks;
      const S value = gradient[at * g + lane];
      if (code[k] < w.size.entries) table[static_cast<int64_t>(code[k]) * g + lane] += scale * value;
      if (k == 0) own += value * sum_at(w, code, lane);
    }
    own = warp_sum(own);
    if (k == 0 && lane == 0) scales[row] = own;
  }
}

struct Order {
  int at[kMostCodebooks];
};

__global__ void search_kernel(Search s, Order order, int64_t count_of_targets) {
  for (int64_t n = first_index(); n < count_of_targets; n += index_stride()) {
    const float* target = s.targets + n * s.values;
    const uint8_t* code = s.codes + n * s.codebooks;
    Hypothesis kept[kMostBeam], next[kMostBeam];
    int count = 1;
    bool is_known = true;
    for (int k = 0; k < s.codebooks; ++k) {
      kept[0].code[k] = code[k];
      is_known = is_known && code[k] < s.entries;
    }
    for (int step = 0; is_known && step < s.codebooks; ++step) {
      const int k = order.at[step], most = step == s.codebooks - 1 ? 1 : s.beam;
      int filled = 0;
      for (int h = 0; h < count; ++h) {
        float r[kMostValues];
        for (int i = 0; i < s.values; ++i) {
          r[i] = target[i];
          for (int j = 0; j < s.codebooks; ++j)
            if (j != k)
              r[i] -= s.codebook[(static_cast<int64_t>(j) * s.entries + kept[h].code[j]) * s.values + i];
        }
        Hypothesis one = kept[h];
        for (int c = 0; c < s.entries; ++c) {
          const float* entry = s.codebook + (static_cast<int64_t>(k) * s.entries + c) * s.values;
          one.score = 0;
          for (int i = 0; i < s.values; ++i) one.score += (r[i] - entry[i]) * (r[i] - entry[i]);
          one.code[k] = static_cast<uint8_t>(c);
          insert(next, filled, most, one);
        }
      }
      count = filled;
      for (int h = 0; h < count; ++h) kept[h] = next[h];
    }
    const bool is_better = is_known && error_of(s, target, kept[0].code) < error_of(s, target, code);
    for (int k = 0; k < s.codebooks; ++k)
      s.found[n * s.codebooks + k] = is_better ? kept[0].code[k] : code[k];
  }
}

template <class S>
Coded<S> coded_of(const Sizes& size, const Tensor& codes, const Tensor& codebooks, const Tensor& scales) {
  return {size, codes.const_data_ptr<uint8_t>(), codebooks.const_data_ptr<S>(), scales.const_data_ptr<S>()};
}

template <class S, class T> void decode(const Coded<S>& w, T* out) {
  decode_kernel<S, T><<<blocks_for(w.size.rows * w.size.groups, kThreads), kThreads, 0,
                        c10::cuda::getCurrentCUDAStream()>>>(w, out);
  C10_CUDA_KERNEL_LAUNCH_CHECK();
}

Tensor decode_cuda(const Tensor& codes, const Tensor& codebooks, const Tensor& scales, at::ScalarType dtype) {
  const c10::cuda::CUDAGuard guard(codes.device());
  const Sizes size = check_matrix(codes, codebooks, scales);
  check_decoded(codebooks, dtype);
  const Tensor out = at::empty({size.rows, size.groups * size.values}, codebooks.options().dtype(dtype));
  if (out.numel() == 0) return out;
  if (dtype == at::kDouble)
    decode(coded_of<double>(size, codes, codebooks, scales), out.mutable_data_ptr<double>());
  else if (codebooks.scalar_type() == at::kDouble)
    decode(coded_of<double>(size, codes, codebooks, scales), out.mutable_data_ptr<float>());
  else if (dtype == at::kFloat)
    decode(coded_of<float>(size, codes, codebooks, scales), out.mutable_data_ptr<float>());
  else
    decode(coded_of<float>(size, codes, codebooks, scales), static_cast<Bf16*>(out.mutable_data_ptr()));
  return out;
}

template <class S> std::tuple<Tensor, Tensor> gradient_of(const Coded<S>& w, const Tensor& gradient) {
  const int64_t chunks = std::max<int64_t>(1, std::min<int64_t>(kChunks, w.size.rows));
  const Tensor tables = at::zeros({chunks, w.size.codebooks, w.size.entries, w.size.values}, gradient.options());
  const Tensor own = at::empty({w.size.rows}, gradient.options());
  const dim3 grid(static_cast<unsigned>(chunks), static_cast<unsigned>(w.size.codebooks));
  gradient_kernel<S><<<grid, kWarp, 0, c10::cuda::getCurrentCUDAStream()>>>(
      w, gradient.const_data_ptr<S>(), tables.mutable_data_ptr<S>(), own.mutable_data_ptr<S>());
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return {at::sum(tables, 0), own};
}

std::tuple<Tensor, Tensor> gradient_cuda(const Tensor& codes, const Tensor& codebooks, const Tensor& scales,
                                         const Tensor& gradient) {
  const c10::cuda::CUDAGuard guard(codes.device());
  const Sizes size = check_matrix(codes, codebooks, scales);
  check_gradient(size, codebooks, gradient);
  if (codebooks.scalar_type() == at::kDouble)
    return gradient_of(coded_of<double>(size, codes, codebooks, scales), gradient);
  return gradient_of(coded_of<float>(size, codes, codebooks, scales), gradient);
}

Tensor search_cuda(const Tensor& targets, const Tensor& codebooks, const Tensor& codes, at::IntArrayRef order,
                   int64_t beam) {
  const c10::cuda::CUDAGuard guard(codes.device());
  const Sizes size = check_search(targets, codebooks, codes, beam);
  const std::vector<int> visited_order = order_of(order, size.codebooks);
  const Tensor found = at::empty_like(codes);
  if (found.numel() == 0) return found;
  Search search{};
  search.codebooks = size.codebooks;
  search.entries = size.entries;
  search.values = size.values;
  search.beam = static_cast<int>(beam);
  search.targets = targets.const_data_ptr<float>();
  search.codebook = codebooks.const_data_ptr<float>();
  search.codes = codes.const_data_ptr<uint8_t>();
  search.found = found.mutable_data_ptr<uint8_t>();
  Order visited{};
  for (int k = 0; k < size.codebooks; ++k) visited.at[k] = visited_order[static_cast<size_t>(k)];
  search_kernel<<<blocks_for(size.rows, kThreads), kThreads, 0, c10::cuda::getCurrentCUDAStream()>>>(
      search, visited, size.rows);
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return found;
}

} // namespace

TORCH_LIBRARY_IMPL(anneal, CUDA, m) {
  m.impl("codebook_decode", TORCH_FN(decode_cuda));
  m.impl("codebook_gradient", TORCH_FN(gradient_cuda));
  m.impl("codebook_search", TORCH_FN(search_cuda));
}

} // namespace anneal::codebook
