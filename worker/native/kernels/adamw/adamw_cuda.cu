// CUDA entry of anneal::adamw_: one grid-stride pass, memory bound. Products may be contracted with
// sums, so the last bit may differ from the CPU's.

#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/library.h>

#include <algorithm>

#include "adamw_arguments.h"
#include "adamw_element.h"

namespace anneal::adamw {

namespace {

constexpr int kThreads = 256;
constexpr int64_t kMaxBlocks = 1 << 16; // the grid strides over the rest

template <class Param, class Grad, class State, class Write>
__global__ void update_kernel(Param* __restrict__ param, const Grad* __restrict__ grad,
                              State* __restrict__ exp_avg, State* __restrict__ exp_avg_sq,
                              int64_t count, Scaled<decltype(load(Param()))> factors, Write write) {
  const int64_t stride = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t i = blockIdx.x * static_cast<int64_t>(blockDim.x) + threadIdx.x; i < count;
       i += stride) {
    write(param[i], moved(load(param[i]), grad[i], exp_avg[i], exp_avg_sq[i], factors, i), i);
  }
}

template <class Grad, class State>
__global__ void update_master_kernel(Bf16* __restrict__ param, float* __restrict__ master,
                                     const Grad* __restrict__ grad, State* __restrict__ exp_avg,
                                     State* __restrict__ exp_avg_sq, int64_t count,
                                     Scaled<float> factors) {
  const int64_t stride = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t i = blockIdx.x * static_cast<int64_t>(blockDim.x) + threadIdx.x; i < count;
       i += stride) {
    const float p = moved(master[i], grad[i], exp_avg[i], exp_avg_sq[i], factors, i);
    master[i] = p;
    store(param[i], p);
  }
}

struct Launch {
  unsigned blocks;
  cudaStream_t stream;
};

template <class Param, class Grad, class State, class Write>
void update_in_place(const Arrays& a, const Factors& f, Write write, int64_t count, Launch launch) {
  update_kernel<<<launch.blocks, kThreads, 0, launch.stream>>>(
      static_cast<Param*>(a.param), static_cast<const Grad*>(a.grad),
      static_cast<State*>(a.exp_avg), static_cast<State*>(a.exp_avg_sq), count,
      Scaled<decltype(load(Param()))>(f), write);
}

template <class Grad, class State>
void by_param(const Arrays& a, const Factors& f, int64_t count, Launch launch) {
  if (a.param_type == Type::kFloat32) {
    update_in_place<float, Grad, State>(a, f, ToParam{}, count, launch);
  } else if (a.master != nullptr) {
    update_master_kernel<<<launch.blocks, kThreads, 0, launch.stream>>>(
        static_cast<Bf16*>(a.param), a.master, static_cast<const Grad*>(a.grad),
        static_cast<State*>(a.exp_avg), static_cast<State*>(a.exp_avg_sq), count, Scaled<float>(f));
  } else if (f.stochastic) {
    update_in_place<Bf16, Grad, State>(a, f, StochasticRounding{f.rounding_key}, count, launch);
  } else {
    update_in_place<Bf16, Grad, State>(a, f, ToParam{}, count, launch);
  }
}

template <class Grad>
void by_state(const Arrays& a, const Factors& f, int64_t count, Launch launch) {
  if (a.state_type == Type::kFloat32) {
    by_param<Grad, float>(a, f, count, launch);
  } else if (f.stochastic) {
    by_param<Grad, ChanceBf16>(a, f, count, launch);
  } else {
    by_param<Grad, Bf16>(a, f, count, launch);
  }
}

void update(const Arrays& a, const Factors& f, int64_t count, Launch launch) {
  if (a.param_type == Type::kFloat64) {
    update_in_place<double, double, double>(a, f, ToParam{}, count, launch);
  } else if (a.grad_type == Type::kFloat32) {
    by_state<float>(a, f, count, launch);
  } else {
    by_state<Bf16>(a, f, count, launch);
  }
}

void adamw_cuda(const at::Tensor& param, const at::Tensor& grad, const at::Tensor& exp_avg,
                const at::Tensor& exp_avg_sq, const std::optional<at::Tensor>& master, double lr,
                double beta1, double beta2, double eps, double weight_decay, int64_t step,
                double grad_scale, std::optional<int64_t> rounding_key) {
  const Arguments arguments =
      check_arguments(param, grad, exp_avg, exp_avg_sq, master, lr, beta1, beta2, eps, weight_decay,
                      step, grad_scale, rounding_key);
  const int64_t count = param.numel();
  if (count == 0)
    return;
  const c10::cuda::CUDAGuard guard(param.device());
  const int64_t blocks = std::min((count + kThreads - 1) / kThreads, kMaxBlocks);
  update(arguments.arrays, arguments.factors, count,
         {static_cast<unsigned>(blocks), c10::cuda::getCurrentCUDAStream()});
  C10_CUDA_KERNEL_LAUNCH_CHECK();
}

} // namespace

TORCH_LIBRARY_IMPL(anneal, CUDA, m) {
  m.impl("adamw_", TORCH_FN(adamw_cuda));
}

} // namespace anneal::adamw
