// Decoding and its gradient, for any type and compiled once an instruction set: the number of
// values of a group is a constant where it is a usual one.
#pragma once

#include "../bfloat16.h"
#include "codebook.h"

namespace anneal::codebook::ANNEAL_ISA {

namespace {

inline void put(float& place, float value) { place = value; }
inline void put(double& place, double value) { place = value; }
inline void put(float& place, double value) { place = static_cast<float>(value); }
inline void put(uint16_t& place, float value) { place = to_bfloat16(value); }

// sum_k C_k[code_k]
template <int G, class S>
inline void sum_entries(const Coded<S>& w, const uint8_t* code, S* sum) {
  const int g = G > 0 ? G : w.size.values;
  const S* entry = w.codebooks + static_cast<int64_t>(code[0]) * g;
  for (int i = 0; i < g; ++i)
    sum[i] = entry[i];
  for (int k = 1; k < w.size.codebooks; ++k) {
    entry = w.codebooks + (static_cast<int64_t>(k) * w.size.entries + code[k]) * g;
    for (int i = 0; i < g; ++i)
      sum[i] += entry[i];
  }
}

template <int G, class S, class T>
void decode_rows(const Coded<S>& w, int64_t first, int64_t last, T* out) {
  const int g = G > 0 ? G : w.size.values;
  const uint8_t* code = w.codes + first * w.size.groups * w.size.codebooks;
  S sum[kMostValues];
  for (int64_t row = first; row < last; ++row) {
    const S scale = w.scales[row];
    for (int64_t j = 0; j < w.size.groups; ++j, code += w.size.codebooks, out += g) {
      sum_entries<G>(w, code, sum);
      for (int i = 0; i < g; ++i)
        put(out[i], scale * sum[i]);
    }
  }
}

template <int G, class S>
void gradient_rows(const Coded<S>& w, const S* gradient, int64_t first, int64_t last, S* table, S* scales) {
  const int g = G > 0 ? G : w.size.values;
  const uint8_t* code = w.codes + first * w.size.groups * w.size.codebooks;
  const S* from = gradient + first * w.size.groups * g;
  S sum[kMostValues], own[kMostValues];
  for (int64_t row = first; row < last; ++row) {
    const S scale = w.scales[row];
    for (int i = 0; i < g; ++i)
      own[i] = 0;
    for (int64_t j = 0; j < w.size.groups; ++j, code += w.size.codebooks, from += g) {
      sum_entries<G>(w, code, sum);
      for (int i = 0; i < g; ++i)
        own[i] += from[i] * sum[i];
      for (int k = 0; k < w.size.codebooks; ++k) {
        S* to = table + (static_cast<int64_t>(k) * w.size.entries + code[k]) * g;
        for (int i = 0; i < g; ++i)
          to[i] += scale * from[i];
      }
    }
    S total = 0;
    for (int i = 0; i < g; ++i)
      total += own[i];
    scales[row] = total;
  }
}

// body<G>() with the number of values where it is a usual one, else 0.
template <class Body> inline void with_values(int values, const Body& body) {
  switch (values) {
  case 4:
    return body.template operator()<4>();
  case 8:
    return body.template operator()<8>();
  case 16:
    return body.template operator()<16>();
  default:
    return body.template operator()<0>();
  }
}

} // namespace

} // namespace anneal::codebook::ANNEAL_ISA
