// CUDA entry of anneal::adamw_: one grid-stride pass, memory bound, 16 bytes at a time. Products
// may be contracted with sums, so the last bit may differ from the CPU's.

#include <torch/library.h>

#include "../device.cuh"
#include "adamw_arguments.h"
#include "adamw_element.h"

namespace anneal::adamw {

namespace {

using device::blocks_for;
using device::first_index;
using device::index_stride;
using device::kThreads;
using device::Pack;
using device::read_pack;
using device::write_pack;

// One thread some neighbours. `aligned`: all of the arrays (vector.cuh).
template <class Param, class Grad, class State, class Write>
__global__ void update_kernel(Param* __restrict__ param, const Grad* __restrict__ grad,
                              State* __restrict__ exp_avg, State* __restrict__ exp_avg_sq,
                              int64_t count, Scaled<decltype(load(Param()))> factors, Write write,
                              bool aligned) {
  constexpr int n = device::pack_of<Param, Grad, State>();
  for (int64_t i = first_index() * n; i < count; i += index_stride() * n) {
    const int64_t left = count - i;
    auto p = read_pack<n>(param + i, left, aligned);
    const auto g = read_pack<n>(grad + i, left, aligned);
    auto m = read_pack<n>(exp_avg + i, left, aligned);
    auto v = read_pack<n>(exp_avg_sq + i, left, aligned);
    for (int j = 0; j < n; ++j)
      write(p.at[j], moved(load(p.at[j]), g.at[j], m.at[j], v.at[j], factors, i + j), i + j);
    write_pack(param + i, p, left, aligned);
    write_pack(exp_avg + i, m, left, aligned);
    write_pack(exp_avg_sq + i, v, left, aligned);
  }
}

template <class Grad, class State>
__global__ void update_master_kernel(Bf16* __restrict__ param, float* __restrict__ master,
                                     const Grad* __restrict__ grad, State* __restrict__ exp_avg,
                                     State* __restrict__ exp_avg_sq, int64_t count,
                                     Scaled<float> factors, bool aligned) {
  constexpr int n = device::pack_of<float>();
  for (int64_t i = first_index() * n; i < count; i += index_stride() * n) {
    const int64_t left = count - i;
    auto p = read_pack<n>(master + i, left, aligned);
    const auto g = read_pack<n>(grad + i, left, aligned);
    auto m = read_pack<n>(exp_avg + i, left, aligned);
    auto v = read_pack<n>(exp_avg_sq + i, left, aligned);
    Pack<Bf16, n> narrow;
    for (int j = 0; j < n; ++j) {
      p.at[j] = moved(p.at[j], g.at[j], m.at[j], v.at[j], factors, i + j);
      store(narrow.at[j], p.at[j]);
    }
    write_pack(master + i, p, left, aligned);
    write_pack(param + i, narrow, left, aligned);
    write_pack(exp_avg + i, m, left, aligned);
    write_pack(exp_avg_sq + i, v, left, aligned);
  }
}

struct Launch {
  cudaStream_t stream;
  bool aligned;
};

template <class Param, class Grad, class State, class Write>
void update_in_place(const Arrays& a, const Factors& f, Write write, int64_t count, Launch launch) {
  constexpr int n = device::pack_of<Param, Grad, State>();
  update_kernel<<<blocks_for(count, kThreads * n), kThreads, 0, launch.stream>>>(
      static_cast<Param*>(a.param), static_cast<const Grad*>(a.grad),
      static_cast<State*>(a.exp_avg), static_cast<State*>(a.exp_avg_sq), count,
      Scaled<decltype(load(Param()))>(f), write, launch.aligned);
}

template <class Grad, class State>
void by_param(const Arrays& a, const Factors& f, int64_t count, Launch launch) {
  if (a.param_type == Type::kFloat32) {
    update_in_place<float, Grad, State>(a, f, ToParam{}, count, launch);
  } else if (a.master != nullptr) {
    constexpr int n = device::pack_of<float>();
    update_master_kernel<<<blocks_for(count, kThreads * n), kThreads, 0, launch.stream>>>(
        static_cast<Bf16*>(a.param), a.master, static_cast<const Grad*>(a.grad),
        static_cast<State*>(a.exp_avg), static_cast<State*>(a.exp_avg_sq), count, Scaled<float>(f),
        launch.aligned);
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
  const Arrays& a = arguments.arrays;
  const bool aligned = device::are_aligned({a.param, a.master, a.grad, a.exp_avg, a.exp_avg_sq});
  update(a, arguments.factors, count, {c10::cuda::getCurrentCUDAStream(), aligned});
  C10_CUDA_KERNEL_LAUNCH_CHECK();
}

} // namespace

TORCH_LIBRARY_IMPL(anneal, CUDA, m) {
  m.impl("adamw_", TORCH_FN(adamw_cuda));
}

} // namespace anneal::adamw
