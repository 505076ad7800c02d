// CUDA entry of adamw8bit_: a block of threads is a block of the state, one thread an element.
// Products may be contracted with sums, so the last bit may differ from the CPU's, and a code with
// it.

#include <torch/library.h>

#include "../device.cuh"
#include "adamw8bit_arguments.h"

namespace anneal::adamw8bit {

namespace {

using namespace device;

static_assert(kThreads == kBlock, "one thread an element of a block");

__device__ float block_max(float value) {
  __shared__ float parts[kThreads / kWarp];
  value = warp_max(value);
  __syncthreads();
  if (threadIdx.x % kWarp == 0) parts[threadIdx.x / kWarp] = value;
  __syncthreads();
  float most = 0;
  for (int i = 0; i < kThreads / kWarp; ++i) most = most > parts[i] ? most : parts[i];
  return most;
}

// Number of borders below x: 8 halvings.
__device__ uint8_t nearest(const float* map, float x) {
  int code = 0;
  for (int step = 128; step > 0; step /= 2) {
    const int to = code + step;
    if (x > 0.5f * (map[to - 1] + map[to])) code = to;
  }
  return static_cast<uint8_t>(code);
}

__device__ void write(uint8_t* code, float* absmax, const float* map, float value, bool inside) {
  const float most = block_max(inside ? fabsf(value) : 0);
  if (inside) *code = nearest(map, value / (most > 0 ? most : 1));
  // Behind the barriers of block_max every thread has read the old one.
  if (threadIdx.x == 0) *absmax = most;
}

template <class Param, class Grad>
__global__ void update_kernel(Arrays a, Factors f, const float* map_signed,
                              const float* map_unsigned, int64_t blocks) {
  __shared__ float m_map[256], v_map[256];
  m_map[threadIdx.x] = map_signed[threadIdx.x];
  v_map[threadIdx.x] = map_unsigned[threadIdx.x];
  __syncthreads();
  Param* param = static_cast<Param*>(a.param);
  const Grad* grad = static_cast<const Grad*>(a.grad);
  for (int64_t block = blockIdx.x; block < blocks; block += gridDim.x) {
    const int64_t i = block * kBlock + threadIdx.x;
    const bool inside = i < a.count;
    float m = 0, v = 0;
    if (inside) {
      const float g = load(grad[i]) * f.grad_scale;
      m = f.beta1 * (m_map[a.m_codes[i]] * a.m_absmax[block]) + f.take_grad * g;
      v = f.beta2 * (v_map[a.v_codes[i]] * a.v_absmax[block]) + f.take_square * g * g;
      const float p =
          load(param[i]) * f.keep - f.step_size * (m / (sqrtf(v) / f.root_bias2 + f.eps));
      if constexpr (sizeof(Param) == sizeof(Bf16)) {
        const uint32_t random =
            f.stochastic ? random_bits(f.rounding_key, static_cast<uint64_t>(i)) : 0;
        param[i].bits = f.stochastic ? to_bfloat16_stochastic(p, random) : to_bfloat16(p);
      } else {
        param[i] = p;
      }
    }
    write(a.m_codes + i, a.m_absmax + block, m_map, m, inside);
    write(a.v_codes + i, a.v_absmax + block, v_map, v, inside);
  }
}

const float* map_of(const at::Tensor& map, const char* name) {
  check_state(map, name, at::kFloat, 256);
  return map.const_data_ptr<float>();
}

void adamw8bit_cuda(const at::Tensor& param, const at::Tensor& grad, const at::Tensor& m_codes,
                    const at::Tensor& m_absmax, const at::Tensor& v_codes,
                    const at::Tensor& v_absmax, const at::Tensor& map_signed,
                    const at::Tensor& map_unsigned, double lr, double beta1, double beta2,
                    double eps, double weight_decay, int64_t step, double grad_scale,
                    std::optional<int64_t> rounding_key) {
  const c10::cuda::CUDAGuard guard(param.device());
  const Arrays a = check_arguments(param, grad, m_codes, m_absmax, v_codes, v_absmax);
  const Factors f =
      factors_of({lr, beta1, beta2, eps, weight_decay, step, grad_scale, rounding_key});
  const float* m_map = map_of(map_signed, "map_signed");
  const float* v_map = map_of(map_unsigned, "map_unsigned");
  const int64_t blocks = m_absmax.numel();
  if (blocks == 0) return;
  const auto stream = c10::cuda::getCurrentCUDAStream();
  const auto launch = [&](auto param_type, auto grad_type) {
    update_kernel<typename decltype(param_type)::Type, typename decltype(grad_type)::Type>
        <<<blocks_for(blocks, 1), kThreads, 0, stream>>>(a, f, m_map, v_map, blocks);
  };
  const TypeOf<float> single;
  const TypeOf<Bf16> half;
  if (a.param_is_bf16) {
    a.grad_is_bf16 ? launch(half, half) : launch(half, single);
  } else {
    a.grad_is_bf16 ? launch(single, half) : launch(single, single);
  }
  C10_CUDA_KERNEL_LAUNCH_CHECK();
}

} // namespace

TORCH_LIBRARY_IMPL(anneal, CUDA, m) { m.impl("adamw8bit_", TORCH_FN(adamw8bit_cuda)); }

} // namespace anneal::adamw8bit
