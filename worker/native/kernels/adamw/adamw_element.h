// One element of adamw.h, for the loops of the CPU and the kernel of the GPU.
//
// In an unnamed namespace because it is compiled for several instruction sets (isa.h).
#pragma once

#include "../bfloat16.h"
#include "adamw.h"

namespace anneal::adamw {

namespace {

struct Bf16 {
  uint16_t bits;
};

// A moment that is rounded up or down stochastically: to nearest, v would stand still where (1 -
// beta2) of its change is less than half a step.
struct ChanceBf16 {
  uint16_t bits;
};

ANNEAL_HOST_DEVICE inline float load(const float& value) {
  return value;
}
ANNEAL_HOST_DEVICE inline double load(const double& value) {
  return value;
}
ANNEAL_HOST_DEVICE inline float load(const Bf16& value) {
  return from_bfloat16(value.bits);
}
ANNEAL_HOST_DEVICE inline float load(const ChanceBf16& value) {
  return from_bfloat16(value.bits);
}
ANNEAL_HOST_DEVICE inline void store(float& place, float value) {
  place = value;
}
ANNEAL_HOST_DEVICE inline void store(double& place, double value) {
  place = value;
}
ANNEAL_HOST_DEVICE inline void store(Bf16& place, float value) {
  place.bits = to_bfloat16(value);
}

ANNEAL_HOST_DEVICE inline float root(float value) {
#ifdef __CUDA_ARCH__
  return __fsqrt_rn(value);
#else
  return __builtin_sqrtf(value);
#endif
}

ANNEAL_HOST_DEVICE inline double root(double value) {
#ifdef __CUDA_ARCH__
  return __dsqrt_rn(value);
#else
  return __builtin_sqrt(value);
#endif
}

// Factors in the type of the arithmetic.
template <class Real> struct Scaled {
  Real grad_scale, keep, take_grad, beta2, take_square, step_size, root_bias2, eps;
  uint64_t m_key, v_key;
  explicit Scaled(const Factors& f)
      : grad_scale(static_cast<Real>(f.grad_scale)), keep(static_cast<Real>(f.keep)),
        take_grad(static_cast<Real>(f.take_grad)), beta2(static_cast<Real>(f.beta2)),
        take_square(static_cast<Real>(f.take_square)), step_size(static_cast<Real>(f.step_size)),
        root_bias2(static_cast<Real>(f.root_bias2)), eps(static_cast<Real>(f.eps)),
        m_key(f.rounding_key ^ 0x9e3779b97f4a7c15u), v_key(f.rounding_key ^ 0xc2b2ae3d27d4eb4fu) {}
};

template <class State, class Real>
ANNEAL_HOST_DEVICE inline void store_state(State& place, Real value, uint64_t, int64_t) {
  store(place, value);
}
ANNEAL_HOST_DEVICE inline void store_state(ChanceBf16& place, float value, uint64_t key,
                                           int64_t i) {
  place.bits = to_bfloat16_stochastic(value, random_bits(key, static_cast<uint64_t>(i)));
}

// The new value of `p`, element i; moves m and v.
template <class Real, class Grad, class State>
ANNEAL_HOST_DEVICE inline Real moved(Real p, const Grad& grad, State& exp_avg, State& exp_avg_sq,
                                     const Scaled<Real>& f, int64_t i) {
  const Real g = load(grad) * f.grad_scale;
  const Real m_before = load(exp_avg);
  const Real m = m_before + f.take_grad * (g - m_before);
  const Real v = f.beta2 * load(exp_avg_sq) + f.take_square * g * g;
  store_state(exp_avg, m, f.m_key, i);
  store_state(exp_avg_sq, v, f.v_key, i);
  return p * f.keep - f.step_size * (m / (root(v) / f.root_bias2 + f.eps));
}

// How a new value is written where no master is kept: to nearest, or up or down at random.
struct ToParam {
  template <class Param, class Real>
  ANNEAL_HOST_DEVICE void operator()(Param& param, Real value, int64_t) const {
    store(param, value);
  }
};

struct StochasticRounding {
  uint64_t key;
  ANNEAL_HOST_DEVICE void operator()(Bf16& param, float value, int64_t i) const {
    param.bits = to_bfloat16_stochastic(value, random_bits(key, static_cast<uint64_t>(i)));
  }
};

} // namespace

} // namespace anneal::adamw
