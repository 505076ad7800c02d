// CUDA entry of hadamard.h: a block of threads rotates one row, a warp 256 neighbours of it in
// registers, or some columns of one block of tokens in shared memory. A scale stays on the device:
// nothing waits for it.

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <torch/library.h>

#include <map>
#include <mutex>
#include <tuple>
#include <utility>

#include "hadamard_arguments.h"
#include "hadamard_device.cuh"

namespace anneal::hadamard {

namespace {

using at::Tensor;

constexpr int64_t kTokenValues = 8192; // of a block of tokens at a time
constexpr int64_t kScratchRows = 256;  // rows too long for shared memory that are rotated at a time

// Bytes of shared memory that a block may take: 227 KiB on sm_90, 163 on sm_80, 99 on sm_86 and
// sm_89.
int64_t most_shared() {
  int device = 0, most = 0;
  C10_CUDA_CHECK(cudaGetDevice(&device));
  C10_CUDA_CHECK(cudaDeviceGetAttribute(&most, cudaDevAttrMaxSharedMemoryPerBlockOptin, device));
  return most;
}

// Of a rotated row: in memory of the block where parts are wider than a warp holds, or are mixed.
bool is_kept(const Job& job) { return job.inner > kTile || job.mixing != nullptr; }

// The memory is shared, or, where a row is too long for that, the row of `scratch` of its block.
template <class T>
__global__ void rows_kernel(Job job, Target<typename Arithmetic<T>::Type> target,
                            typename Arithmetic<T>::Type* scratch, bool aligned) {
  using S = typename Arithmetic<T>::Type;
  extern __shared__ __align__(16) unsigned char memory[];
  S* x = scratch ? scratch + blockIdx.x * job.columns : reinterpret_cast<S*>(memory);
  const S* mixing = static_cast<const S*>(job.mixing);
  const bool is_wide = job.inner > kTile, whole = !scratch || job.columns % kOwn == 0;
  uint32_t largest = 0;
  for (int64_t r = blockIdx.x; r < job.out_rows; r += gridDim.x) {
    const T* from = static_cast<const T*>(job.in) + r * job.in_ld;
    if (is_wide || mixing) __syncthreads(); // an earlier row may still be read
    if (is_wide) {
      for (int64_t i = threadIdx.x * kOwn; i < job.columns; i += kThreads * kOwn)
        write_pack(x + i, widened<S>(read_pack<kOwn>(from + i, job.columns - i, aligned)), job.columns - i, whole);
      walsh(x, static_cast<int>(job.columns), job.inner / kTile, kTile);
    }
    // Lanes of a warp stay together.
    for (int64_t tile = threadIdx.x / kWarp * kTile; tile < job.columns; tile += kThreads * kOwn) {
      const int64_t i = tile + threadIdx.x % kWarp * kOwn, left = job.columns - i;
      auto v = is_wide ? read_pack<kOwn>(x + i, left, whole) : widened<S>(read_pack<kOwn>(from + i, left, aligned));
      turn_tile(v.at, job.inner);
      if (mixing) {
        write_pack(x + i, v, left, whole);
      } else {
        const uint32_t bits = put(target, r * job.out_ld + i, v, left, aligned);
        largest = bits > largest ? bits : largest;
      }
    }
    if (!mixing) continue;
    __syncthreads(); // parts of other warps
    for (int64_t i = threadIdx.x; i < job.columns; i += kThreads) {
      const int64_t k = i / job.inner, j = i % job.inner;
      Pack<S, 1> y{};
      for (int64_t part = 0; part < job.outer; ++part) y.at[0] += mixing[k * job.outer + part] * x[part * job.inner + j];
      const uint32_t bits = put(target, r * job.out_ld + i, y, 1, true);
      largest = bits > largest ? bits : largest;
    }
  }
  if (target.sink == Sink::kLargest) raise(target.largest, largest);
}

template <class T>
__global__ void tokens_kernel(Job job, Target<typename Arithmetic<T>::Type> target, int64_t width) {
  using S = typename Arithmetic<T>::Type;
  extern __shared__ __align__(16) unsigned char memory[];
  S* x = reinterpret_cast<S*>(memory);
  const int64_t strips = (job.columns + width - 1) / width;
  const int64_t blocks = (job.out_rows + job.block - 1) / job.block;
  uint32_t largest = 0;
  for (int64_t task = blockIdx.x; task < blocks * strips; task += gridDim.x) {
    const int64_t row = task / strips * job.block, column = task % strips * width;
    const int columns = static_cast<int>(job.columns - column < width ? job.columns - column : width);
    const int count = static_cast<int>(job.block) * columns;
    __syncthreads();
    for (int i = threadIdx.x; i < count; i += kThreads) {
      const int64_t r = row + i / columns;
      const T* from = static_cast<const T*>(job.in) + r * job.in_ld + column;
      x[i] = r < job.in_rows ? load(from[i % columns]) : S(0);
    }
    walsh(x, count, job.block, columns);
    for (int i = threadIdx.x; i < count; i += kThreads) {
      const int64_t r = row + i / columns;
      if (r >= job.out_rows) continue;
      const uint32_t bits = put(target, r * job.out_ld + column + i % columns, Pack<S, 1>{{x[i]}}, 1, true);
      largest = bits > largest ? bits : largest;
    }
  }
  if (target.sink == Sink::kLargest) raise(target.largest, largest);
}

__global__ void scale_kernel(const uint32_t* largest, float* scale, float most) {
  const float value = bits_to_float(*largest);
  const bool is_finite = *largest < 0x7f800000u;
  *scale = is_finite ? fmaxf(value, 1e-12f) / most : bits_to_float(0x7fc00000u);
}

// A matrix of a plan on the device of x, copied once.
const void* on_device(const void* matrix, int64_t outer, const Tensor& x, at::ScalarType type) {
  static std::mutex mutex;
  static std::map<std::pair<const void*, int>, Tensor> copies;
  const std::lock_guard lock(mutex);
  Tensor& copy = copies[{matrix, x.get_device()}];
  if (!copy.defined())
    copy = at::from_blob(const_cast<void*>(matrix), {outer, outer}, at::TensorOptions().dtype(type)).to(x.device());
  return copy.const_data_ptr();
}

bool are_packed(const Job& job) {
  return are_aligned({job.in, job.out}) && job.columns % kOwn == 0 && job.in_ld % kOwn == 0 && job.out_ld % kOwn == 0;
}

void run(Arguments& a, Sink sink, bool tokens, const float* scale, uint32_t* largest) {
  if (a.job.out_rows == 0 || a.job.columns == 0) return;
  const auto stream = c10::cuda::getCurrentCUDAStream();
  Job job = a.job;
  if (job.mixing) job.mixing = on_device(job.mixing, job.outer, a.in, rows::arithmetic_of(a.in));
  with_element(a.element, [&](auto element) {
    using T = typename decltype(element)::Type;
    using S = typename Arithmetic<T>::Type;
    const Target<S> target{job.out, sink, static_cast<S>(job.factor), scale, largest};
    const int64_t width = std::clamp<int64_t>(kTokenValues / job.block, 1, 32);
    const int64_t row_values = is_kept(job) ? job.columns : 0;
    const int64_t bytes = static_cast<int64_t>(sizeof(S)) * (tokens ? job.block * width : row_values);
    const bool fits = bytes <= most_shared();
    TORCH_CHECK(fits || !tokens, "blocks of ", job.block, " tokens take ", bytes, " bytes; this GPU rotates at most ",
                most_shared(), " at a time");
    const int64_t tasks = tokens ? whole_blocks(job.out_rows, job.block) * ((job.columns + width - 1) / width) : job.out_rows;
    const auto kernel_bytes = static_cast<int>(fits ? bytes : 0);
    if (tokens) {
      C10_CUDA_CHECK(cudaFuncSetAttribute(tokens_kernel<T>, cudaFuncAttributeMaxDynamicSharedMemorySize, kernel_bytes));
      tokens_kernel<T><<<blocks_for(tasks, 1), kThreads, kernel_bytes, stream>>>(job, target, width);
    } else {
      Tensor scratch;
      if (!fits) {
        scratch = at::empty({std::min(tasks, kScratchRows), job.columns}, a.in.options().dtype(rows::arithmetic_of(a.in)));
      }
      const int64_t blocks = fits ? tasks : scratch.size(0);
      C10_CUDA_CHECK(cudaFuncSetAttribute(rows_kernel<T>, cudaFuncAttributeMaxDynamicSharedMemorySize, kernel_bytes));
      rows_kernel<T><<<blocks_for(blocks, 1), kThreads, kernel_bytes, stream>>>(
          job, target, fits ? nullptr : static_cast<S*>(scratch.mutable_data_ptr()), are_packed(job));
    }
  });
  C10_CUDA_KERNEL_LAUNCH_CHECK();
}

Tensor rotate_rows(const Tensor& x, int64_t kind, bool transposed, std::optional<at::ScalarType> dtype) {
  const c10::cuda::CUDAGuard guard(x.device());
  const at::ScalarType type = wanted_type(x, dtype);
  Arguments a = row_arguments(x, kind, transposed);
  give(a, type);
  run(a, sink_of(type), false, nullptr, nullptr);
  return a.out;
}

Tensor rotate_tokens(const Tensor& x, int64_t block, int64_t rows, std::optional<at::ScalarType> dtype) {
  const c10::cuda::CUDAGuard guard(x.device());
  const at::ScalarType type = wanted_type(x, dtype);
  Arguments a = token_arguments(x, block, rows);
  give(a, type);
  run(a, sink_of(type), true, nullptr, nullptr);
  return a.out;
}

std::tuple<Tensor, Tensor> quantize_rotated(const Tensor& given, int64_t format, int64_t kind, int64_t block) {
  const c10::cuda::CUDAGuard guard(given.device());
  check_format(given, format);
  const at::ScalarType wide = rows::arithmetic_of(given);
  const bool both = kind != kNone && block > 0, tokens = block > 0;
  const Tensor x = both ? rotate_rows(given, kind, false, wide) : given;
  const int64_t out_rows = tokens ? whole_blocks(x.size(0), block) * block : x.size(0);
  Arguments a = tokens ? token_arguments(x, block, out_rows) : row_arguments(x, kind, false);
  const auto options = given.options().dtype(at::kFloat);
  if (format == kExact) {
    give(a, wide);
    run(a, sink_of(wide), tokens, nullptr, nullptr);
    return {a.out, at::full({}, 1.0, options)};
  }
  const Tensor largest = at::zeros({}, given.options().dtype(at::kInt)), scale = at::empty({}, options);
  uint32_t* bits = reinterpret_cast<uint32_t*>(largest.mutable_data_ptr<int32_t>());
  run(a, Sink::kLargest, tokens, nullptr, bits);
  scale_kernel<<<1, 1, 0, c10::cuda::getCurrentCUDAStream()>>>(bits, scale.mutable_data_ptr<float>(),
                                                               format == kInt8 ? 127.0f : kLargestFloat8);
  give(a, format == kInt8 ? at::kChar : at::kFloat8_e4m3fn);
  run(a, format == kInt8 ? Sink::kCode8 : Sink::kFloat8, tokens, scale.const_data_ptr<float>(), nullptr);
  return {a.out, scale};
}

} // namespace

TORCH_LIBRARY_IMPL(anneal, CUDA, m) {
  m.impl("rotate_rows", TORCH_FN(rotate_rows));
  m.impl("rotate_tokens", TORCH_FN(rotate_tokens));
  m.impl("quantize_rotated", TORCH_FN(quantize_rotated));
}

} // namespace anneal::hadamard
