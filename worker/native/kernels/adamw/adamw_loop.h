// The loops of adamw.h, compiled once for each instruction set in the namespace ANNEAL_ISA.
#include "adamw_element.h"

namespace anneal::adamw::ANNEAL_ISA {

namespace {

template <class Param, class Grad, class State, class Write>
void update_in_place(const Arrays& a, const Factors& f, Write write, int64_t begin, int64_t end) {
  Param* __restrict param = static_cast<Param*>(a.param);
  const Grad* __restrict grad = static_cast<const Grad*>(a.grad);
  State* __restrict exp_avg = static_cast<State*>(a.exp_avg);
  State* __restrict exp_avg_sq = static_cast<State*>(a.exp_avg_sq);
  const Scaled<decltype(load(*param))> factors(f);
  for (int64_t i = begin; i < end; ++i) {
    write(param[i], moved(load(param[i]), grad[i], exp_avg[i], exp_avg_sq[i], factors, i), i);
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
    const float p = moved(master[i], grad[i], exp_avg[i], exp_avg_sq[i], factors, i);
    master[i] = p;
    store(param[i], p);
  }
}

template <class Grad, class State>
void by_param(const Arrays& a, const Factors& f, int64_t begin, int64_t end) {
  if (a.param_type == Type::kFloat32) {
    update_in_place<float, Grad, State>(a, f, ToParam{}, begin, end);
  } else if (a.master != nullptr) {
    update_with_master<Grad, State>(a, f, begin, end);
  } else if (f.stochastic) {
    update_in_place<Bf16, Grad, State>(a, f, StochasticRounding{f.rounding_key}, begin, end);
  } else {
    update_in_place<Bf16, Grad, State>(a, f, ToParam{}, begin, end);
  }
}

template <class Grad> void by_state(const Arrays& a, const Factors& f, int64_t begin, int64_t end) {
  if (a.state_type == Type::kFloat32) {
    by_param<Grad, float>(a, f, begin, end);
  } else if (f.stochastic) {
    by_param<Grad, ChanceBf16>(a, f, begin, end);
  } else {
    by_param<Grad, Bf16>(a, f, begin, end);
  }
}

} // namespace

void update(const Arrays& a, const Factors& f, int64_t begin, int64_t end) {
  if (a.param_type == Type::kFloat64) {
    update_in_place<double, double, double>(a, f, ToParam{}, begin, end);
  } else if (a.grad_type == Type::kFloat32) {
    by_state<float>(a, f, begin, end);
  } else {
    by_state<Bf16>(a, f, begin, end);
  }
}

} // namespace anneal::adamw::ANNEAL_ISA
