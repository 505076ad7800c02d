// CUDA entries of fp4.h: a thread has a group, in registers, or a square of 16 of them; the same
// bits as on the CPU. The scale of a tensor stays on the device: nothing waits for it. Not run on a
// GPU yet.

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <torch/library.h>

#include "../device.cuh"
#include "../philox/philox.h"
#include "fp4_arguments.h"
#include "scales.h"

namespace anneal::fp4 {

namespace {

using namespace device;
using at::Tensor;

// Neighbours of threads are neighbours in memory: rows where groups are along columns.
__device__ inline void place_of_group(const Job& job, int64_t i, int64_t lines, int64_t& line, int64_t& group) {
  line = job.columns ? i % lines : i / job.groups;
  group = job.columns ? i / lines : i % job.groups;
}

template <int size> __device__ inline uint32_t read_group(const Job& job, int64_t row, int64_t group, float (&v)[size]) {
  for (int j = 0; j < size; ++j) {
    const int64_t at = group * size + j;
    const int64_t place = job.columns ? at * job.ld + row : row * job.ld + at;
    if (at >= job.depth || row >= job.rows)
      v[j] = 0;
    else
      v[j] = job.is_bfloat16 ? load(static_cast<const Bf16*>(job.x)[place]) : static_cast<const float*>(job.x)[place];
  }
  if (job.rotates) {
    for (int j = 0; j < size; ++j) v[j] *= job.signs >> j & 1 ? -1.0f : 1.0f;
    for (int half = size / 2; half > 0; half /= 2)
      for (int j = 0; j < size; ++j) {
        if (j & half) continue;
        const float sum = v[j] + v[j + half], rest = v[j] - v[j + half];
        v[j] = sum;
        v[j + half] = rest;
      }
    // Of its own, so that it is not contracted with what is added to it.
    for (int j = 0; j < size; ++j) v[j] = __fmul_rn(v[j], size == 16 ? 0.25f : 0.17677669529663687f);
  }
  uint32_t most = 0;
  for (int j = 0; j < size; ++j) {
    const uint32_t bits = float_to_bits(v[j]) & 0x7fffffffu;
    most = bits > most ? bits : most;
  }
  return most;
}

template <int size> __global__ void largest_kernel(Job job, uint32_t* largest) {
  uint32_t most = 0;
  float v[size];
  for (int64_t i = first_index(); i < job.rows * job.groups; i += index_stride()) {
    int64_t row, group;
    place_of_group(job, i, job.rows, row, group);
    const uint32_t own = read_group<size>(job, row, group, v);
    most = own > most ? own : most;
  }
  most = warp_max(most);
  if (threadIdx.x % kWarp == 0) atomicMax(largest, most);
}

// g and 1 / g of a tensor.
__global__ void global_kernel(const uint32_t* largest, float* global, float* tensor_scale) {
  *global = global_of(*largest);
  *tensor_scale = __fdiv_rn(1.0f, *global);
}

template <int size>
__device__ inline void write_group(const Job& job, int64_t row, int64_t group, const float (&v)[size], Scale scale) {
  uint8_t* to = job.codes + (row * job.groups + group) * (size / 2);
  for (int block = 0; block < size / 8; ++block) {
    philox::Block words{};
    if (job.stochastic)
      words = philox::block(job.key, kDomain, job.site, static_cast<uint64_t>((group * (size / 8) + block) * job.rows + row));
    for (int j = 0; j < 8; ++j) {
      const float value = __fdiv_rn(v[8 * block + j], scale.value);
      const uint32_t half = words.word[j / 2] >> (j % 2 * 16) & 0xffffu;
      const uint32_t code = job.stochastic ? to_float4_stochastic(value, (static_cast<float>(half) + 0.5f) * 0x1p-16f)
                                           : to_float4(value);
      uint8_t& place = to[(8 * block + j) / 2];
      place = static_cast<uint8_t>(j % 2 ? place | code << 4 : code);
    }
  }
}

template <int size> __global__ void encode_kernel(Job job, const float* global) {
  const float g = global ? *global : 1;
  const int64_t lines = job.square ? (job.rows + kSquare - 1) / kSquare : job.rows;
  float v[size];
  for (int64_t i = first_index(); i < lines * job.groups; i += index_stride()) {
    int64_t line, group;
    place_of_group(job, i, lines, line, group);
    const int64_t row = job.square ? line * kSquare : line, last = job.square ? row + kSquare : row + 1;
    uint32_t most = 0;
    for (int64_t r = row; r < last; ++r) {
      const uint32_t own = read_group<size>(job, r, group, v);
      most = own > most ? own : most;
    }
    const Scale scale =
        job.format == kNVFP4 ? scale_in_float8(most, g, job.stochastic) : power_of_two(most, job.stochastic);
    job.scales[line * job.groups + group] = scale.code;
    for (int64_t r = row; r < last && r < job.rows; ++r) {
      if (job.square) read_group<size>(job, r, group, v);
      write_group<size>(job, r, group, v, scale);
    }
  }
}

template <int size, class T> __global__ void decode_kernel(Coded from, T* to, int64_t count) {
  for (int64_t i = first_index(); i < count; i += index_stride()) {
    const int64_t row = i / from.groups, group = i % from.groups;
    const uint8_t code = from.scales[(from.square ? row / kSquare : row) * from.groups + group];
    const float scale = from.format == kNVFP4 ? from_float8(code)
                        : code == 255         ? bits_to_float(0x7fc00000u)
                                              : bits_to_float(static_cast<uint32_t>(code) << 23);
    for (int j = 0; j < size; ++j)
      store(to[i * size + j], from_float4(from.codes[i * (size / 2) + j / 2] >> (j % 2 * 4)) * scale);
  }
}

template <int size> void run(const Job& job, uint32_t* largest, float* global, float* tensor_scale) {
  const auto stream = c10::cuda::getCurrentCUDAStream();
  if (job.format == kNVFP4) {
    if (job.rows * job.groups > 0) {
      largest_kernel<size><<<blocks_for(job.rows * job.groups, kThreads), kThreads, 0, stream>>>(job, largest);
      C10_CUDA_KERNEL_LAUNCH_CHECK();
    }
    global_kernel<<<1, 1, 0, stream>>>(largest, global, tensor_scale);
    C10_CUDA_KERNEL_LAUNCH_CHECK();
  }
  const int64_t lines = job.square ? pieces(job.rows, kSquare) : job.rows;
  if (lines * job.groups == 0) return;
  encode_kernel<size><<<blocks_for(lines * job.groups, kThreads), kThreads, 0, stream>>>(
      job, job.format == kNVFP4 ? global : nullptr);
  C10_CUDA_KERNEL_LAUNCH_CHECK();
}

Quantized quantize(const Tensor& x, int64_t format, bool columns, bool square, std::optional<int64_t> signs,
                   std::optional<int64_t> key, int64_t site) {
  const c10::cuda::CUDAGuard guard(x.device());
  if (x.scalar_type() == at::kDouble) return exact(x, format, columns, square, signs);
  const Arguments a = arguments(x, format, columns, square, signs, key, site);
  const auto floats = x.options().dtype(at::kFloat);
  const Tensor tensor_scale = at::ones({}, floats), global = at::empty({}, floats);
  const Tensor largest = at::zeros({}, floats.dtype(at::kInt));
  const auto run_size = format == kNVFP4 ? run<16> : run<32>;
  run_size(a.job, reinterpret_cast<uint32_t*>(largest.mutable_data_ptr<int>()), global.mutable_data_ptr<float>(),
           tensor_scale.mutable_data_ptr<float>());
  return {a.codes, a.scales, tensor_scale};
}

Tensor dequantize(const Tensor& codes, const Tensor& scales, at::ScalarType dtype) {
  const c10::cuda::CUDAGuard guard(codes.device());
  if (codes.scalar_type() == at::kDouble) return codes;
  const Coded from = coded(codes, scales, dtype);
  const Tensor values = at::empty({codes.size(0), 2 * codes.size(1)}, codes.options().dtype(dtype));
  const int64_t count = codes.size(0) * from.groups;
  if (count == 0) return values;
  const auto launch = [&](auto kernel, auto* to) {
    kernel<<<blocks_for(count, kThreads), kThreads, 0, c10::cuda::getCurrentCUDAStream()>>>(from, to, count);
    C10_CUDA_KERNEL_LAUNCH_CHECK();
  };
  const bool is_small = from.size == 16;
  if (dtype == at::kFloat)
    launch(is_small ? decode_kernel<16, float> : decode_kernel<32, float>, values.mutable_data_ptr<float>());
  else
    launch(is_small ? decode_kernel<16, Bf16> : decode_kernel<32, Bf16>, static_cast<Bf16*>(values.mutable_data_ptr()));
  return values;
}

}  // namespace

TORCH_LIBRARY_IMPL(anneal, CUDA, m) {
  m.impl("quantize_fp4", TORCH_FN(quantize));
  m.impl("dequantize_fp4", TORCH_FN(dequantize));
}

}  // namespace anneal::fp4
