// What a search for codes keeps and how it judges, on a CPU and on a GPU. In an anonymous
// namespace: each file that is compiled for other instructions has its own.
#pragma once

#include "../host_device.h"
#include "codebook.h"

namespace anneal::codebook {

namespace {

struct Hypothesis {
  float score;
  uint8_t code[kMostCodebooks];
};

ANNEAL_HOST_DEVICE inline double error_of(const Search& s, const float* target, const uint8_t* code) {
  double error = 0;
  for (int i = 0; i < s.values; ++i) {
    double r = target[i];
    for (int k = 0; k < s.codebooks; ++k)
      r -= s.codebook[(static_cast<int64_t>(k) * s.entries + code[k]) * s.values + i];
    error += r * r;
  }
  return error;
}

// Puts a hypothesis where it belongs among the best, of which there are at most `most`.
ANNEAL_HOST_DEVICE inline void insert(Hypothesis* best, int& count, int most, const Hypothesis& one) {
  if (count == most && !(one.score < best[count - 1].score)) return;
  int at = count < most ? count++ : most - 1;
  for (; at > 0 && one.score < best[at - 1].score; --at)
    best[at] = best[at - 1];
  best[at] = one;
}

} // namespace

} // namespace anneal::codebook
