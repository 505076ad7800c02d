// The loop of adamw.h, compiled once for each instruction set in the namespace ANNEAL_ISA.
#include "../bfloat16.h"
#include "adamw.h"

namespace anneal::adamw::ANNEAL_ISA {

namespace {

struct Bf16 {
  uint16_t bits;
};

inline float load(const float& value) { return value; }
inline double load(const double& value) { return value; }
inline float load(const Bf16& value) { return from_bfloat16(value.bits); }
inline void store(float& place, float value) { place = value; }
inline void store(double& place, double value) { place = value; }
inline void store(Bf16& place, float value) { place.bits = to_bfloat16(value); }

inline float root(float value) { return __builtin_sqrtf(value); }
inline double root(double value) { return __builtin_sqrt(value); }

// Factors in the type of the arithmetic.
template <class Real>
struct Scaled {
  Real grad_scale, keep, take_grad, beta2, take_square, step_size, root_bias2, eps;
  explicit Scaled(const Factors& f)
      : grad_scale(static_cast<Real>(f.grad_scale)), keep(static_cast<Real>(f.keep)),
        take_grad(static_cast<Real>(f.take_grad)), beta2(static_cast<Real>(f.beta2)),
        take_square(static_cast<Real>(f.take_square)), step_size(static_cast<Real>(f.step_size)),
        root_bias2(static_cast<Real>(f.root_bias2)), eps(static_cast<Real>(f.eps)) {}
};

template <class Real, class Grad, class State>
inline Real moved(Real p, const Grad& grad, State& exp_avg, State& exp_avg_sq,
                  const Scaled<Real>& f) {
  const Real g = load(grad) * f.grad_scale;
  const Real m_before = load(exp_avg);
  const Real m = m_before + f.take_grad * (g - m_before);
  const Real v = f.beta2 * load(exp_avg_sq) + f.take_square * g * g;
  store(exp_avg, m);
  store(exp_avg_sq, v);
  return p * f.keep - f.step_size * (m / (root(v) / f.root_bias2 + f.eps));
}

template <class Param, class Grad, class State>
void update_typed(const Arrays& a, const Factors& f, int64_t begin, int64_t end) {
  Param* __restrict param = static_cast<Param*>(a.param);
  const Grad* __restrict grad = static_cast<const Grad*>(a.grad);
  State* __restrict exp_avg = static_cast<State*>(a.exp_avg);
  State* __restrict exp_avg_sq = static_cast<State*>(a.exp_avg_sq);
  const Scaled<decltype(load(*param))> factors(f);
  for (int64_t i = begin; i < end; ++i) {
    store(param[i], moved(load(param[i]), grad[i], exp_avg[i], exp_avg_sq[i], factors));
  }
}

template <class Grad, class State>
void update_with_master(const Arrays& a, const Factors& f, int64_t begin, int64_t end) {
  Bf16* __restrict param = static_cast<Bf16*>(a.param);
  float* __restrict master = a.master;
  const Grad* __restrict grad = static_cast<const Grad*>(a.grad);
  State* __restrict exp_avg = static_cast<State*>(a.exp_avg);
  State* __restrict exp_avg_sq = static_cast<State*>(a.exp_avg_sq);
  const Scaled<float> factors(f);
  for (int64_t i = begin; i < end; ++i) {
    const float p = moved(master[i], grad[i], exp_avg[i], exp_avg_sq[i], factors);
    master[i] = p;
    store(param[i], p);
  }
}

template <class Grad, class State>
void update_by_chance(const Arrays& a, const Factors& f, int64_t begin, int64_t end) {
  Bf16* __restrict param = static_cast<Bf16*>(a.param);
  const Grad* __restrict grad = static_cast<const Grad*>(a.grad);
  State* __restrict exp_avg = static_cast<State*>(a.exp_avg);
  State* __restrict exp_avg_sq = static_cast<State*>(a.exp_avg_sq);
  const Scaled<float> factors(f);
  const uint64_t key = f.rounding_key;
  for (int64_t i = begin; i < end; ++i) {
    const float p = moved(load(param[i]), grad[i], exp_avg[i], exp_avg_sq[i], factors);
    param[i].bits = to_bfloat16_by_chance(p, random_bits(key, static_cast<uint64_t>(i)));
  }
}

template <class Grad, class State>
void by_param(const Arrays& a, const Factors& f, int64_t begin, int64_t end) {
  if (a.param_type == Type::kFloat32) {
    update_typed<float, Grad, State>(a, f, begin, end);
  } else if (a.master != nullptr) {
    update_with_master<Grad, State>(a, f, begin, end);
  } else if (f.by_chance) {
    update_by_chance<Grad, State>(a, f, begin, end);
  } else {
    update_typed<Bf16, Grad, State>(a, f, begin, end);
  }
}

template <class Grad>
void by_state(const Arrays& a, const Factors& f, int64_t begin, int64_t end) {
  a.state_type == Type::kFloat32 ? by_param<Grad, float>(a, f, begin, end)
                                 : by_param<Grad, Bf16>(a, f, begin, end);
}

}  // namespace

void update(const Arrays& a, const Factors& f, int64_t begin, int64_t end) {
  if (a.param_type == Type::kFloat64) {
    update_typed<double, double, double>(a, f, begin, end);
  } else if (a.grad_type == Type::kFloat32) {
    by_state<float>(a, f, begin, end);
  } else {
    by_state<Bf16>(a, f, begin, end);
  }
}

}  // namespace anneal::adamw::ANNEAL_ISA
