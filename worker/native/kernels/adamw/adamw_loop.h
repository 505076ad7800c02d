// The loop of adamw.h, compiled once for each instruction set in the namespace ANNEAL_ISA.
#include "../bfloat16.h"
#include "adamw.h"

namespace anneal::adamw::ANNEAL_ISA {

namespace {

struct Bf16 {
  uint16_t bits;
};

inline float load(const float& value) { return value; }
inline float load(const Bf16& value) { return from_bfloat16(value.bits); }
inline void store(float& place, float value) { place = value; }
inline void store(Bf16& place, float value) { place.bits = to_bfloat16(value); }

template <class Grad, class State>
inline float moved(float p, const Grad& grad, State& exp_avg, State& exp_avg_sq,
                   const Factors& f) {
  const float g = load(grad) * f.grad_scale;
  const float m_before = load(exp_avg);
  const float m = m_before + f.take_grad * (g - m_before);
  const float v = f.beta2 * load(exp_avg_sq) + f.take_square * g * g;
  store(exp_avg, m);
  store(exp_avg_sq, v);
  return p * f.keep - f.step_size * (m / (__builtin_sqrtf(v) / f.root_bias2 + f.eps));
}

template <class Param, class Grad, class State>
void update_typed(const Arrays& a, const Factors& f, int64_t begin, int64_t end) {
  Param* __restrict param = static_cast<Param*>(a.param);
  const Grad* __restrict grad = static_cast<const Grad*>(a.grad);
  State* __restrict exp_avg = static_cast<State*>(a.exp_avg);
  State* __restrict exp_avg_sq = static_cast<State*>(a.exp_avg_sq);
  float* __restrict master = a.master;
  const Factors factors = f;
  if (master == nullptr) {
    for (int64_t i = begin; i < end; ++i) {
      store(param[i], moved(load(param[i]), grad[i], exp_avg[i], exp_avg_sq[i], factors));
    }
  } else {
    for (int64_t i = begin; i < end; ++i) {
      const float p = moved(master[i], grad[i], exp_avg[i], exp_avg_sq[i], factors);
      master[i] = p;
      store(param[i], p);
    }
  }
}

template <class Param, class Grad>
void by_state(const Arrays& a, const Factors& f, int64_t begin, int64_t end) {
  a.state_is_bf16 ? update_typed<Param, Grad, Bf16>(a, f, begin, end)
                  : update_typed<Param, Grad, float>(a, f, begin, end);
}

template <class Param>
void by_grad(const Arrays& a, const Factors& f, int64_t begin, int64_t end) {
  a.grad_is_bf16 ? by_state<Param, Bf16>(a, f, begin, end)
                 : by_state<Param, float>(a, f, begin, end);
}

}  // namespace

void update(const Arrays& a, const Factors& f, int64_t begin, int64_t end) {
  a.param_is_bf16 ? by_grad<Bf16>(a, f, begin, end) : by_grad<float>(a, f, begin, end);
}

}  // namespace anneal::adamw::ANNEAL_ISA
