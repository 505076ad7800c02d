// CUDA entry of adamw8bit_: a warp takes a block of the state, a lane eight neighbours.
// Products may be contracted with sums, so the last bit may differ from the CPU's, and a code with
// it.

#include <torch/library.h>

#include "../device.cuh"
#include "adamw8bit_arguments.h"

namespace anneal::adamw8bit {

namespace {

using namespace device;

constexpr int kOwn = kBlock / kWarp; // neighbours of a lane
static_assert(kThreads == 256, "one thread an entry of a map");

// Number of borders below x: 8 halvings.
__device__ uint8_t nearest(const float* map, float x) {
  int code = 0;
  for (int step = 128; step > 0; step /= 2) {
    const int to = code + step;
    if (x > 0.5f * (map[to - 1] + map[to])) code = to;
  }
  return static_cast<uint8_t>(code);
}

// The codes of a lane's values, and the largest magnitude of the block.
__device__ Pack<uint8_t, kOwn> coded(const float* map, const float* values, float* absmax) {
  float most = 0;
  for (int j = 0; j < kOwn; ++j) most = fabsf(values[j]) > most ? fabsf(values[j]) : most;
  most = warp_max(most); // behind it every lane has read the old one
  if (threadIdx.x % kWarp == 0) *absmax = most;
  Pack<uint8_t, kOwn> codes;
  for (int j = 0; j < kOwn; ++j) codes.at[j] = nearest(map, values[j] / (most > 0 ? most : 1));
  return codes;
}

__device__ void round_to(float& place, float value, const Factors&, int64_t) { place = value; }
__device__ void round_to(Bf16& place, float value, const Factors& f, int64_t i) {
  const uint32_t random = f.stochastic ? random_bits(f.rounding_key, static_cast<uint64_t>(i)) : 0;
  place.bits = f.stochastic ? to_bfloat16_stochastic(value, random) : to_bfloat16(value);
}

template <class Param, class Grad>
__global__ void update_kernel(Arrays a, Factors f, const float* map_signed,
                              const float* map_unsigned, int64_t blocks, bool aligned) {
  __shared__ float m_map[256], v_map[256];
  m_map[threadIdx.x] = map_signed[threadIdx.x];
  v_map[threadIdx.x] = map_unsigned[threadIdx.x];
  __syncthreads();
  Param* param = static_cast<Param*>(a.param);
  const Grad* grad = static_cast<const Grad*>(a.grad);
  for (int64_t block = first_index() / kWarp; block < blocks; block += index_stride() / kWarp) {
    const int64_t first = block * kBlock + threadIdx.x % kWarp * kOwn, left = a.count - first;
    auto p = read_pack<kOwn>(param + first, left, aligned);
    const auto g = read_pack<kOwn>(grad + first, left, aligned);
    const auto m_codes = read_pack<kOwn>(a.m_codes + first, left, aligned);
    const auto v_codes = read_pack<kOwn>(a.v_codes + first, left, aligned);
    const float m_most = a.m_absmax[block], v_most = a.v_absmax[block];
    float m[kOwn] = {}, v[kOwn] = {};
    for (int j = 0; j < kOwn; ++j) {
      if (j >= left) continue;
      const float scaled = load(g.at[j]) * f.grad_scale;
      m[j] = f.beta1 * (m_map[m_codes.at[j]] * m_most) + f.take_grad * scaled;
      v[j] = f.beta2 * (v_map[v_codes.at[j]] * v_most) + f.take_square * scaled * scaled;
      const float moved = f.step_size * (m[j] / (sqrtf(v[j]) / f.root_bias2 + f.eps));
      round_to(p.at[j], load(p.at[j]) * f.keep - moved, f, first + j);
    }
    write_pack(param + first, p, left, aligned);
    write_pack(a.m_codes + first, coded(m_map, m, a.m_absmax + block), left, aligned);
    write_pack(a.v_codes + first, coded(v_map, v, a.v_absmax + block), left, aligned);
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
  const bool aligned = are_aligned({a.param, a.grad, a.m_codes, a.v_codes});
  const auto launch = [&](auto param_type, auto grad_type) {
    update_kernel<typename decltype(param_type)::Type, typename decltype(grad_type)::Type>
        <<<blocks_for(blocks, kThreads / kWarp), kThreads, 0, stream>>>(a, f, m_map, v_map, blocks,
                                                                       aligned);
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
