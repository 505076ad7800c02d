// CUDA entry of rope: one thread some pairs, or some values that pass through.

#include <ATen/ops/empty.h>
#include <torch/library.h>

#include "../device.cuh"
#include "../rows/packed_rows.cuh"
#include "rope_arguments.h"

namespace anneal::rope {

namespace {

using namespace device;

template <class T> constexpr int kPack = pack_of<T>();

// Threads that a row takes: for pairs, then for what passes through.
struct Pieces {
  int64_t pairs, all;
};
Pieces pieces_of(const Turn& t, int n) {
  const int64_t pairs = (t.pairs + n - 1) / n;
  return {pairs, pairs + (t.size - 2 * t.pairs + n - 1) / n};
}

template <class T>
__global__ void turn_kernel(Turn t, Pieces pieces, int64_t count, bool aligned) {
  using S = typename Arithmetic<T>::Type;
  constexpr int n = kPack<T>;
  const S sign = t.inverse ? -1 : 1;
  for (int64_t index = first_index(); index < count * pieces.all; index += index_stride()) {
    const int64_t r = index / pieces.all, piece = index % pieces.all;
    const T* x = rows::row<const T>(t.from, r);
    T* y = rows::row<T>(t.to, r);
    if (piece >= pieces.pairs) {
      const int64_t i = 2 * t.pairs + (piece - pieces.pairs) * n;
      write_pack(y + i, read_pack<n>(x + i, t.size - i, aligned), t.size - i, aligned);
      continue;
    }
    const int64_t i = piece * n, left = t.pairs - i;
    const int64_t angle = r / t.from.inner * t.pairs + i;
    const auto cos = read_pack<n>(static_cast<const S*>(t.cos) + angle, left, aligned);
    const auto sin = read_pack<n>(static_cast<const S*>(t.sin) + angle, left, aligned);
    auto low = read_pack<n>(x + i, left, aligned);
    auto high = read_pack<n>(x + t.pairs + i, left, aligned);
    for (int j = 0; j < n; ++j) {
      const S a = load(low.at[j]), b = load(high.at[j]), by = sin.at[j] * sign;
      store(low.at[j], a * cos.at[j] - b * by);
      store(high.at[j], b * cos.at[j] + a * by);
    }
    write_pack(y + i, low, left, aligned);
    write_pack(y + t.pairs + i, high, left, aligned);
  }
}

bool are_packed(const Turn& t, int n) {
  return t.pairs % n == 0 && are_aligned({t.cos, t.sin}) && rows::are_packed(t.from, t.size, n) &&
         rows::are_packed(t.to, t.size, n);
}

at::Tensor rope(const at::Tensor& x_in, const at::Tensor& cos, const at::Tensor& sin,
                bool inverse) {
  const c10::cuda::CUDAGuard guard(x_in.device());
  const at::Tensor x = rows::dense_rows(x_in);
  const at::Tensor y = at::empty(x.sizes(), x.options());
  const Arguments a = check_arguments(x, y, cos, sin, inverse);
  if (a.count == 0 || a.turn.size == 0) return y;
  const auto stream = c10::cuda::getCurrentCUDAStream();
  with_element(a.element, [&](auto type) {
    using T = typename decltype(type)::Type;
    const Pieces pieces = pieces_of(a.turn, kPack<T>);
    turn_kernel<T><<<blocks_for(a.count * pieces.all, kThreads), kThreads, 0, stream>>>(
        a.turn, pieces, a.count, are_packed(a.turn, kPack<T>));
  });
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return y;
}

} // namespace

TORCH_LIBRARY_IMPL(anneal, CUDA, m) { m.impl("_rope", TORCH_FN(rope)); }

} // namespace anneal::rope
